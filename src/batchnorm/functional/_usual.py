"""Is this one of the usual calls, of which there is nothing to ask? Most are, and a small layer feels each question.

What says no is not wrong: it is asked everything, and is then told what is wrong, or goes its way.
"""

from typing import Any

import torch
from torch import Tensor

from ._activation import ACTIVATIONS
from ._arguments import Arguments
from ._channels import HALF_TYPES
from ._unwatched import PLAIN

_DTYPES = (torch.float32, torch.float64)


def is_usual(a: Arguments) -> bool:
    """Whether a few of their properties tell that all checks of these arguments would pass: types, sizes, dtypes."""
    given: tuple[Any, ...] = a  # their types are what is asked
    x, mean, var, weight, bias, training, momentum, eps, activation, residual, pool, source, mask, _ = given
    if type(x) not in PLAIN or type(training) is not bool or type(momentum) is not float or type(eps) is not float:
        return False
    if not (source is None and mask is None and eps > 0):
        return False
    if activation is not None and (type(activation) is not str or activation not in ACTIVATIONS):
        return False
    missing = mean is None or var is None
    if (missing and (mean is not var or not training)) or not _fit(x, (mean, var, weight, bias)):
        return False
    if (residual is not None or pool is not None) and not _fits_behind(x, residual, pool):
        return False
    return missing or not (mean.requires_grad or var.requires_grad)


def _fit(x: Tensor, tensors: tuple[Tensor | None, ...]) -> bool:
    """Whether statistics and parameters are of the dtype of x, on its device, and have a value for each channel."""
    dtype, cpu, device, size = x.dtype, x.is_cpu, x.get_device(), x.shape[1:2]
    half = dtype in HALF_TYPES
    if not (half or dtype in _DTYPES) or not (cpu or x.is_cuda) or len(size) == 0:
        return False
    for values in tensors:
        if values is None:
            continue
        if half:  # beside it the first decides for all
            dtype, half = torch.float32 if values.dtype is torch.float32 else dtype, False
        if type(values) not in PLAIN or values.dtype is not dtype or values.shape != size:
            return False
        if values.is_cpu is not cpu or values.get_device() != device:
            return False
    return x.numel() > size[0]


def _fits_behind(x: Tensor, residual: Any, pool: Any) -> bool:
    """Whether a residual or a pool is one for x; of the two there may be one."""
    if pool is None:
        same = type(residual) in PLAIN and residual.dtype is x.dtype and residual.shape == x.shape
        return same and residual.is_cpu is x.is_cpu and residual.get_device() == x.get_device()
    return residual is None and type(pool) is int and x.dim() == 4 and 1 <= pool <= min(x.shape[2:])
