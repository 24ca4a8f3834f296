"""What follows the affine step? A residual to add, an activation, a max-pool; one order for all routes."""

import torch
import torch.nn.functional as F
from torch import Tensor

from ._activation import Activation, activate
from ._channels import sizes_are_known


def finish(y: Tensor, activation: Activation, residual: Tensor | None, pool: int | None) -> Tensor:
    """Add a residual, activate, pool: what stands behind the affine step, each where it is asked for.

        out = max_pool2d(activate(y + residual, activation), pool)

    Args:
        y: of any shape; (N, C, H, W) where it is pooled.
        activation: as for `activate`.
        residual: of the shape of `y`, or None.
        pool: height, width and stride of the window, or None.

    Raises:
        ValueError: an unknown activation.
        TypeError: an activation that is none.

    Example:
        >>> finish(torch.tensor([-3.0, 1.0]), "relu", torch.tensor([1.0, 1.0]), None)
        tensor([0., 2.])
    """
    if residual is not None:
        y = y + residual
    y = activate(y, activation)
    return y if pool is None else F.max_pool2d(y, pool)


def under_autocast(x: Tensor, residual: Tensor) -> Tensor:
    """The residual in the dtype of `x` where autocast is on: it chooses dtypes by operator, and two may differ.

    What is no tensor is left for `check_finish` to refuse.
    """
    both: tuple[object, object] = (x, residual)
    if not all(isinstance(given, Tensor) for given in both) or residual.dtype is x.dtype:
        return residual
    return residual.to(x.dtype) if torch.is_autocast_enabled(x.device.type) else residual


def check_finish(x: Tensor, residual: Tensor | None, pool: int | None) -> None:
    """Refuse a residual or a pool that does not fit `x`, before anything has been computed or changed.

    Raises:
        ValueError: both are given; a `pool` below 1.
        TypeError: `residual` is no tensor, `pool` no integer.
        RuntimeError: `residual` has another shape, dtype or device than `x`; `x` cannot be pooled.
    """
    if residual is not None and pool is not None:
        raise ValueError(
            "batch_norm: expected a residual or a pool, got both. Add the residual with batch_norm_add "
            "and pool its output with torch.nn.functional.max_pool2d."
        )
    if residual is not None:
        _check_residual(x, residual)
    if pool is not None:
        check_pool(x, pool)


def _check_residual(x: Tensor, residual: object) -> None:
    if not isinstance(residual, Tensor):
        raise no_residual(residual)
    if sizes_are_known() and residual.shape != x.shape:
        raise RuntimeError(
            f"batch_norm_add: residual must have the shape of x, {tuple(x.shape)}, got {tuple(residual.shape)}. "
            "Bring it to that shape first, e.g. by a 1x1 convolution or residual.expand_as(x)."
        )
    if residual.dtype is not x.dtype:
        raise RuntimeError(
            f"batch_norm_add: residual must have the dtype of x, {x.dtype}, got {residual.dtype}. "
            "Convert it with residual.to(x.dtype)."
        )
    if residual.device != x.device:
        raise RuntimeError(
            f"batch_norm_add: residual must be on the device of x, {x.device}, got {residual.device}. "
            "Move it with residual.to(x.device)."
        )


def no_residual(residual: object) -> TypeError:
    """The error for a residual that is no tensor."""
    return TypeError(
        f"batch_norm_add: residual must be a tensor of the shape of x, got {type(residual).__name__}. "
        "Pass the tensor to add, or call batch_norm, which adds none."
    )


def check_kernel_size(kernel_size: object) -> None:
    """Refuse what is no size of a pool's window.

    Raises:
        ValueError: an integer below 1.
        TypeError: no integer.
    """
    if isinstance(kernel_size, bool) or not isinstance(kernel_size, int):
        raise TypeError(
            f"batch_norm_pool: kernel_size must be an integer, got {kernel_size!r}. Pass one number, "
            "which is height, width and stride of the window, e.g. 2."
        )
    if kernel_size < 1:
        raise ValueError(
            f"batch_norm_pool: kernel_size must be at least 1, got {kernel_size}. The usual value is 2; "
            "without a pool call batch_norm."
        )


def check_pool(x: Tensor, kernel_size: int) -> None:
    """Refuse a pool that torch cannot take of `x`: it wants four axes, channels, and one window at least.

    Raises:
        ValueError: a `kernel_size` below 1.
        TypeError: a `kernel_size` that is no integer.
        RuntimeError: an `x` of other than four axes, without channels, or smaller than the window.
    """
    check_kernel_size(kernel_size)
    if x.dim() != 4:
        raise RuntimeError(
            f"batch_norm_pool: x must have the shape (N, C, H, W), got {tuple(x.shape)}. "
            "Add the missing axes, or call batch_norm and a pool of that many axes."
        )
    if sizes_are_known() and (x.shape[1] < 1 or x.shape[2] < kernel_size or x.shape[3] < kernel_size):
        raise RuntimeError(
            f"batch_norm_pool: x must have channels and images of at least {kernel_size}x{kernel_size}, the "
            f"kernel_size, got shape {tuple(x.shape)}. Use a smaller kernel_size or larger images."
        )
