"""Batch norm at the end of a residual block: normalize, add what came past the block, activate."""

from torch import Tensor

from ._activation import Activation
from ._arguments import Arguments
from ._call import call
from ._finish import no_residual
from .sources import Source


def batch_norm_add(
    x: Tensor,
    residual: Tensor,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    training: bool = False,  # noqa: FBT001  # torch's signature, which takes it by position
    momentum: float | Tensor = 0.1,
    eps: float = 1e-5,
    *,
    activation: Activation = "relu",
    route: str = "auto",
    moments: Source | str | None = None,
    num_batches_tracked: Tensor | None = None,
) -> Tensor:
    """Batch-normalize `x` (N, C, *) by channel, add `residual`, activate the sum.

        mean, var = training ? batch_moments(x) : (running_mean, running_var)
        out = activate(affine(normalize(x, mean, var, eps), weight, bias) + residual, activation)

    Everything but `residual` is as for `batch_norm`, only that the activation is ReLU if none is
    named. The statistics are those of `x` alone.

    Args:
        x: (N, C, *), floating point.
        residual: what is added before the activation; of the shape, dtype and device of `x`. Under
            autocast one of another dtype is brought to that of `x`, which is the output's.
        running_mean: (C,), or None in training to track nothing; updated in place in training.
        running_var: (C,), the same for the unbiased variance.
        weight: (C,) or None.
        bias: (C,) or None; independent of `weight`.
        training: normalize by the batch's own statistics (True) or by the running ones.
        momentum: the weight of the NEW batch.
        eps: added to the variance inside the square root.
        activation: applied to the sum; None for the sum itself.
        route: as for `batch_norm`.
        moments: as for `batch_norm`; a source that takes a mask is refused.
        num_batches_tracked: as for `batch_norm`.

    Raises:
        ValueError: as `batch_norm`.
        RuntimeError: as `batch_norm`, and for a residual of another shape, dtype or device.
        TypeError: as `batch_norm`, and for a residual that is no tensor.

    Example:
        >>> import torch
        >>> x = torch.tensor([[1.0], [3.0]])
        >>> batch_norm_add(x, torch.tensor([[5.0], [-5.0]]), None, None, training=True, eps=1e-12)
        tensor([[4.],
                [0.]])

    Source: He, Zhang, Ren and Sun, "Deep residual learning for image recognition", 2015, section 3.2.
    """
    if residual is None:
        raise no_residual(residual)
    tensors = (running_mean, running_var, weight, bias)
    options = (training, momentum, eps, activation)
    arguments = Arguments(x, *tensors, *options, residual, None, moments, None, num_batches_tracked)
    return call(batch_norm_add, (x, residual, *tensors), arguments, route)
