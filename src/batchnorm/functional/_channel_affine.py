"""How do a frozen scale and shift, with the activation behind them, cost less than a norm? In few sweeps, in place."""

from collections.abc import Callable
from functools import partial
from types import MappingProxyType

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.overrides import handle_torch_function, has_torch_function_variadic

from ..kernels import cpu, in_output_format
from ._activation import Activation, activate, check_activation
from ._affine_kernel import affine_by_kernel
from ._arguments import Arguments
from ._channels import HALF_TYPES, per_channel, sizes_are_known, widen
from ._empty import is_empty
from ._fused import why_not
from ._given import check_optional
from ._operators import is_plain
from ._steps import affine
from ._transforms import inside_transform


def channel_affine(
    x: Tensor, scale: Tensor | None = None, shift: Tensor | None = None, *, activation: Activation = None
) -> Tensor:
    """Multiply every channel of `x` (N, C, *) by `scale`, add `shift`, activate: a norm whose statistics are constants.

        y = activate(x * scale + shift, activation)

    The pair of `scale_shift` gives the output of `batch_norm` in evaluation, up to rounding. `x` is never changed. The
    output has the dtype of `x` and the strides of a batch norm's output; half types are computed in float32 and rounded
    once, before the activation. Where no gradient is recorded the activation works in place, on what was just computed.

    Args:
        x: (N, C, *), floating point.
        scale: (C,), or None to multiply by nothing.
        shift: (C,), or None to add nothing; of the two, one must be given.
        activation: the last step: a name of `ACTIVATIONS`, a module or function of one tensor, or None.

    `scale` and `shift` share one dtype: that of `x`, or float32 beside a half `x`.

    Raises:
        ValueError: `x` has fewer than two axes, `scale` or `shift` not one value per channel; neither is given; an
            unknown activation.
        RuntimeError: another dtype or device than `x` has; an `x` of integers (as NotImplementedError, like torch's).
        TypeError: `x` is no tensor, `activation` neither a name nor a module or function.

    Example:
        >>> x = torch.tensor([[1.0, 2.0]])
        >>> channel_affine(x, torch.tensor([2.0, -1.0]), torch.tensor([0.5, 1.0]), activation="relu")
        tensor([[2.5000, 0.0000]])

    Source: Jacob et al., "Quantization and training of neural networks for efficient integer-arithmetic-only
    inference", 2017, section 3.2: batch norm in inference is an affine map by channel.
    """
    if has_torch_function_variadic(x, scale, shift):
        # Tensor subclasses, modes, and torch.fx, which records the call as one node.
        arguments = (x, scale, shift)
        result: Tensor = handle_torch_function(channel_affine, arguments, *arguments, activation=activation)
        return result
    check_activation(activation)
    _check_given(x, scale, shift)
    if is_empty(x):
        return activate(x.clone(), activation)  # as a norm does, whatever the constants are
    try:
        _check(x, scale, shift)
    except AttributeError:
        check_optional("channel_affine", scale=scale, shift=shift)  # asked only when it failed
        raise
    if not _is_unwatched(x, scale, shift):
        wide = (None if values is None else widen(values) for values in (scale, shift))
        return activate(in_output_format(affine(x, *wide).to(x.dtype), x), activation)
    if _kernel_pays(x, activation):
        try:
            return affine_by_kernel(x, scale, shift, activation if isinstance(activation, str) else "identity")
        except cpu.UnusableKernelsError:
            pass  # that Numba is broken comes out when the first kernel is to be compiled
    return _in_few_sweeps(x, scale, shift, activation)


def _check_given(x: object, scale: Tensor | None, shift: Tensor | None) -> None:
    if not isinstance(x, Tensor):
        raise _no_floats(x)
    if scale is None and shift is None:
        raise ValueError(
            "channel_affine: expected scale, shift or both, got neither. To activate alone, call activate."
        )


def _check(x: Tensor, scale: Tensor | None, shift: Tensor | None) -> None:
    """It runs before every call, so it asks little of each tensor; the messages are made elsewhere."""
    if not x.is_floating_point():
        raise _no_floats(x)
    known, dtype, device = sizes_are_known(), x.dtype, x.device
    for values in (scale, shift):
        if values is None:
            continue
        if x.dim() < 2 or (known and values.numel() != x.shape[1]):
            per_channel(values, x, _name(values, scale))  # has the message
        if values.dtype is not dtype and not (dtype in HALF_TYPES and values.dtype is torch.float32):
            raise _wrong_dtype(x, values, _name(values, scale))
        if values.device != device:
            raise RuntimeError(
                f"channel_affine: {_name(values, scale)} must be on the device of x, {x.device}, got {values.device}. "
                "Move the layer or x with .to()."
            )
    if scale is not None and shift is not None and scale.dtype is not shift.dtype:
        raise RuntimeError(
            f"channel_affine: scale and shift must have one dtype, got {scale.dtype} and {shift.dtype}. "
            "Convert both with .to()."
        )


def _name(values: Tensor, scale: Tensor | None) -> str:
    return "scale" if values is scale else "shift"


def _wrong_dtype(x: Tensor, values: Tensor, name: str) -> RuntimeError:
    allowed = f"{x.dtype} or torch.float32" if x.dtype in HALF_TYPES else f"{x.dtype}"
    return RuntimeError(
        f"channel_affine: {name} must have the dtype {allowed} beside x of {x.dtype}, got {values.dtype}. "
        "Convert x, or the layer as a whole, with .to()."
    )


def _no_floats(x: object) -> Exception:
    if isinstance(x, Tensor):
        return NotImplementedError(
            f"channel_affine: x must be of a floating-point dtype, got {x.dtype}. Convert it first, e.g. x.float()."
        )
    return TypeError(
        f"channel_affine: x must be a tensor of shape (N, C, *), got {type(x).__name__}. "
        "Convert it first, e.g. torch.as_tensor(x)."
    )


def _is_unwatched(*tensors: Tensor | None) -> bool:
    """Whether nobody looks at the operators that run, so that it may be those that are fastest, in place."""
    traced: bool = torch.jit.is_tracing()  # type: ignore[attr-defined, no-untyped-call]  # torch's gap
    return is_plain(tensors) and not inside_transform() and not traced


FEWEST_ROWS, FEWEST_COLUMNS, FEWEST_BFLOAT16 = 1 << 20, 1 << 21, 1 << 17
"""The fewest values for which one sweep of our kernel is faster than torch's two or three, by layout; measured on a CPU
with 32 MiB of last-level cache. In bfloat16 torch's way goes through float32, and costs two to three times as much."""


def _kernel_pays(x: Tensor, activation: Activation) -> bool:
    if x.dtype is torch.bfloat16:
        fewest = FEWEST_BFLOAT16
    elif x.stride(1) != 1:
        fewest = FEWEST_ROWS
    elif activation is not None:
        fewest = FEWEST_COLUMNS
    else:
        return False  # torch's addcmul alone is one sweep, too
    return x.numel() >= fewest and why_not(Arguments(x, None, None, None, None, False, 0.0, 0.0, activation)) is None


def _in_few_sweeps(x: Tensor, scale: Tensor | None, shift: Tensor | None, activation: Activation) -> Tensor:
    """By torch's operators, which write into what they have just computed where no gradient is recorded for it."""
    if x.dtype in HALF_TYPES:
        y = _multiply_add(x, *(v if v is None else widen(v) for v in (scale, shift))).to(x.dtype)
    else:
        y = _multiply_add(x, scale, shift)
    y = in_output_format(y, x, then=isinstance(activation, str))
    if not y.requires_grad and isinstance(activation, str) and activation in IN_PLACE:
        return IN_PLACE[activation](y)
    return activate(y, activation)


def _multiply_add(x: Tensor, scale: Tensor | None, shift: Tensor | None) -> Tensor:
    """`affine` with one new tensor, and with few calls of torch, which small tensors feel."""
    ones = (1,) * (x.dim() - 2)
    if scale is None or shift is None:
        return affine(x, scale, shift)
    scale, shift = scale.view(-1, *ones), shift.view(-1, *ones)
    if x.is_cpu and x.stride(1) != 1:
        return (x * scale).add_(shift)  # addcmul is not vectorized along a row of one channel, and takes twice the time
    return torch.addcmul(shift, x, scale)


_NAMES = ("celu", "elu", "hardsigmoid", "hardswish", "hardtanh", "leaky_relu", "mish", "relu", "relu6", "selu", "silu")

IN_PLACE: MappingProxyType[str, Callable[[Tensor], Tensor]] = MappingProxyType(
    {
        **{name: partial(getattr(F, name), inplace=True) for name in _NAMES},
        "sigmoid": torch.sigmoid_,
        "tanh": torch.tanh_,
    }
)
"""The activations that torch also has in place. Only on fresh values, for which no gradient is recorded."""
