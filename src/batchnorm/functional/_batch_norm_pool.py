"""Batch norm in front of a max-pool: normalize, activate, keep the largest value of each window."""

from torch import Tensor

from ._activation import Activation
from ._arguments import Arguments
from ._call import call
from ._finish import check_kernel_size
from .sources import Source


def batch_norm_pool(
    x: Tensor,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    training: bool = False,  # noqa: FBT001  # torch's signature, which takes it by position
    momentum: float | Tensor = 0.1,
    eps: float = 1e-5,
    *,
    activation: Activation = "relu",
    kernel_size: int = 2,
    route: str = "auto",
    moments: Source | str | None = None,
    num_batches_tracked: Tensor | None = None,
) -> Tensor:
    """Batch-normalize `x` (N, C, H, W) by channel, activate it, take the maximum of each window.

        mean, var = training ? batch_moments(x) : (running_mean, running_var)
        y = activate(affine(normalize(x, mean, var, eps), weight, bias), activation)
        out = max_pool2d(y, kernel_size)

    The windows lie side by side, without padding; what is left of an image at its right and lower
    edge belongs to none, but to the statistics. Everything but `kernel_size` is as for `batch_norm`,
    only that the activation is ReLU if none is named.

    Args:
        x: (N, C, H, W), floating point, with channels, and images of one window at least.
        running_mean: (C,), or None in training to track nothing; updated in place in training.
        running_var: (C,), the same for the unbiased variance.
        weight: (C,) or None.
        bias: (C,) or None; independent of `weight`.
        training: normalize by the batch's own statistics (True) or by the running ones.
        momentum: the weight of the NEW batch.
        eps: added to the variance inside the square root.
        activation: applied before the pool; None for none.
        kernel_size: height, width and stride of the window, in pixels.
        route: as for `batch_norm`.
        moments: as for `batch_norm`; a source that takes a mask is refused.
        num_batches_tracked: as for `batch_norm`.

    Returns:
        (N, C, H // kernel_size, W // kernel_size), with the dtype and the memory format of `x`.

    Raises:
        ValueError: as `batch_norm`, and for a `kernel_size` below 1.
        RuntimeError: as `batch_norm`, and for an `x` of other than four axes, without channels, or
            with images smaller than the window.
        TypeError: as `batch_norm`, and for a `kernel_size` that is no integer.

    Example:
        >>> import torch
        >>> x = torch.arange(16.0).reshape(1, 1, 4, 4)
        >>> batch_norm_pool(x, torch.tensor([8.0]), torch.ones(1), eps=0.0)
        tensor([[[[0., 0.],
                  [5., 7.]]]])
    """
    check_kernel_size(kernel_size)  # here, too: to the routes None means no pool
    tensors = (x, running_mean, running_var, weight, bias)
    options = (training, momentum, eps, activation)
    arguments = Arguments(*tensors, *options, None, kernel_size, moments, None, num_batches_tracked)
    return call(batch_norm_pool, tensors, arguments, route, kernel_size=kernel_size)
