"""Can these arguments be batch-normalized? One check for every route, with torch's exceptions."""

from numbers import Real
from typing import NamedTuple

import torch
from torch import Tensor

from ._activation import Activation
from ._channels import HALF_TYPES, sizes_are_known
from ._finish import check_finish
from ._transforms import has_tangent
from .sources import Source, gathers


class Arguments(NamedTuple):
    """The arguments of one call of `batch_norm` and its kin, as every route takes them.

        out = max_pool(activate(affine(normalize(x)) + residual, activation), pool)

    `residual` has the shape of `x`; `pool` is the size and the stride of a max-pool's window, without
    padding, over the last two axes of `x` (N, C, H, W). None leaves the step out; never are both given.

    `source` answers whose moments normalize; None stands for what `training` says alone: the batch's, or the running
    ones. `mask` and `num_batches_tracked` are for sources that take them.
    """

    x: Tensor
    running_mean: Tensor | None
    running_var: Tensor | None
    weight: Tensor | None
    bias: Tensor | None
    training: bool
    momentum: float | Tensor
    eps: float
    activation: Activation
    residual: Tensor | None = None
    pool: int | None = None
    source: Source | str | None = None
    mask: Tensor | None = None
    num_batches_tracked: Tensor | None = None


def check_options(a: Arguments) -> None:
    """Refuse what torch's function refuses whatever the tensors are, with its exception type."""
    _check_types(a.x, a.training, a.momentum, a.eps)
    if a.eps < 0 or (a.training and a.eps == 0):
        bound = "positive during training" if a.training else "non-negative"
        raise ValueError(f"batch_norm: eps must be {bound}, got {a.eps}. The usual value is 1e-5.")


def check_tensors(a: Arguments) -> None:
    """Refuse what torch's function refuses of tensors with values, with its exception type and a message that helps.

    It runs before every call, so it asks little of each tensor; the messages are made elsewhere.
    """
    if not a.x.is_floating_point():
        # torch's type here, too; it is a RuntimeError.
        raise NotImplementedError(
            f"batch_norm: x must be of a floating-point dtype, got {a.x.dtype}. Convert it first, e.g. x.float()."
        )
    if a.x.dim() < 2:
        raise _too_few_axes(a)
    _check_statistics(a)
    if sizes_are_known():
        _check_sizes(a)
    if a.residual is not None or a.pool is not None:
        check_finish(a.x, a.residual, a.pool)


def _check_types(x: object, training: object, momentum: object, eps: object) -> None:
    if not isinstance(x, Tensor):
        raise TypeError(
            f"batch_norm: x must be a tensor of shape (N, C, *), got {type(x).__name__}. "
            "Convert it first, e.g. torch.as_tensor(x)."
        )
    if not isinstance(training, bool):
        raise TypeError(f"batch_norm: training must be a bool, got {type(training).__name__}. Pass True or False.")
    if isinstance(momentum, Tensor):
        if momentum.dim():
            raise _momentum(f"a tensor of shape {tuple(momentum.shape)}")
    elif not isinstance(momentum, float | int | Real):
        raise _momentum(repr(momentum))
    if not isinstance(eps, float | int | Real | Tensor):
        raise TypeError(f"batch_norm: eps must be a number, got {eps!r}. The usual value is 1e-5.")


def _check_statistics(a: Arguments) -> None:
    mean, var = a.running_mean, a.running_var
    if mean is None or var is None:
        missing = "running_mean" if mean is None else "running_var"
        if not a.training:
            raise RuntimeError(
                f"batch_norm: {missing} must be given in evaluation mode, got None. Pass the "
                "running statistics, or training=True to normalize by the batch's own."
            )
        if mean is not var:
            raise ValueError(
                "batch_norm: running_mean and running_var must both be given or both be None, got "
                f"{missing}=None. Pass both to have them updated, or neither."
            )
        return
    if mean.dim() != 1 or var.dim() != 1:
        raise RuntimeError(
            f"batch_norm: running_mean and running_var must have one axis, the channels', got shapes "
            f"{tuple(mean.shape)} and {tuple(var.shape)}. Flatten them first."
        )
    if (mean.requires_grad or var.requires_grad) and torch.is_grad_enabled():
        raise RuntimeError(
            "batch_norm: running_mean and running_var must not require a gradient, got one that "
            "does. Detach it, or use normalize(x, mean, var, eps), which is differentiable by both."
        )
    if not a.training and has_tangent(mean, var):
        raise RuntimeError(
            "batch_norm: running_mean and running_var must not have a tangent of forward mode in evaluation, got one "
            "that does. Detach it, or use normalize(x, mean, var, eps), which is differentiable by both."
        )


def _check_sizes(a: Arguments) -> None:
    """More than one value per channel; statistics and parameters that fit x and each other."""
    channels, device, dtype = a.x.shape[1], a.x.device, None
    if a.training and a.x.numel() == channels and not gathers(a.source):
        raise one_value(a.x)
    for values in (a.running_mean, a.running_var, a.weight, a.bias):
        if values is not None:
            if dtype is None:
                dtype = values.dtype
                if dtype is not a.x.dtype and not _widens(a.x.dtype, dtype):
                    raise _wrong_dtype(a, values, None)
            if values.numel() != channels or values.device != device:
                raise _misfit(a, values)
            if values.dtype is not dtype:
                raise _wrong_dtype(a, values, dtype)


def one_value(x: Tensor) -> ValueError:
    """The error for a batch in training that has one value per channel."""
    return ValueError(
        "batch_norm: expected more than 1 value per channel when training, got x of shape "
        f"{tuple(x.shape)}: one value has no variance. Use a larger batch, drop a last batch "
        "of 1 (DataLoader(drop_last=True)), or evaluate (model.eval())."
    )


def _widens(x: torch.dtype, values: torch.dtype) -> bool:
    return values is torch.float32 and x in HALF_TYPES


def _name(a: Arguments, values: Tensor) -> str:
    return next(name for name in Arguments._fields if getattr(a, name) is values)


def _momentum(got: str) -> TypeError:
    return TypeError(
        f"batch_norm: momentum must be a number or a tensor without axes, got {got}. For a "
        "cumulative average pass 1 / (number of batches); a layer with momentum=None does so."
    )


def _too_few_axes(a: Arguments) -> Exception:
    message = (
        f"batch_norm: x must have the shape (N, C, *), got {tuple(a.x.shape)}. Add the missing axes, e.g. x[None]."
    )
    # torch fails at different places, with different types.
    return IndexError(message) if a.running_mean is None else RuntimeError(message)


def _misfit(a: Arguments, values: Tensor) -> RuntimeError:
    name = _name(a, values)
    if values.numel() != a.x.shape[1]:
        return RuntimeError(
            f"batch_norm: {name} must have {a.x.shape[1]} values, one per channel (axis 1) of "
            f"x {tuple(a.x.shape)}, got {values.numel()}. Make num_features the number of "
            "channels, or bring x into the order (N, C, *)."
        )
    return RuntimeError(
        f"batch_norm: {name} must be on the device of x, {a.x.device}, got {values.device}. "
        "Move the layer or x with .to()."
    )


def _wrong_dtype(a: Arguments, values: Tensor, dtype: torch.dtype | None) -> RuntimeError:
    allowed = f"{a.x.dtype} or torch.float32" if a.x.dtype in HALF_TYPES else f"{a.x.dtype}"
    expected = f"{dtype}, as those before it" if dtype else f"{allowed} beside x of {a.x.dtype}"
    return RuntimeError(
        f"batch_norm: {_name(a, values)} must have the dtype {expected}, got {values.dtype}. "
        "Convert x, or the layer as a whole, with .to()."
    )
