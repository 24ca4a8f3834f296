"""What are the moments of a batch, to more digits than its dtype has?"""

from contextlib import suppress

import torch
from torch import Tensor

from ..kernels import cpu
from ._moments import Moments, batch_moments

PIECE = 1 << 20
"""Values that are widened to float64 at a time, where no kernel reads them as they are."""


def exact_moments(x: Tensor) -> Moments:
    """Mean and biased variance of `x` (N, C, *) for each channel in float64, whatever the dtype of `x`; no gradient.

        mean = x.mean(dims);  var = ((x - mean)**2).mean(dims);  count = x.numel() // C

    The values of `batch_moments`, but sums are taken in float64, and mean and variance are not rounded to the dtype of
    `x`: what is merged over many batches begins here. A contiguous or channels_last tensor on the CPU is read once by
    a kernel; others are widened to float64 piece by piece.

    Raises:
        TypeError: `x` is not of a floating-point dtype.
        ValueError: `x` has fewer than two axes.

    Example:
        >>> exact_moments(torch.tensor([[0.0, 1.0], [2.0, 1.0]]))
        Moments(mean=tensor([1., 1.], dtype=torch.float64), var=tensor([1., 0.], dtype=torch.float64), count=2)
    """
    with torch.no_grad():
        if _has_kernel(x):
            with suppress(cpu.UnusableKernelsError):  # that Numba is broken comes out when it is to compile
                return Moments(*cpu.moments(x), x.numel() // x.shape[1])
        if not x.is_floating_point() or x.dim() < 2 or not x.numel():
            return _widened(batch_moments(x))
        found = Moments.empty(x.shape[1], device=x.device, dtype=torch.float64)
        images = max(1, PIECE * len(x) // x.numel())
        for piece in torch.split(x, images):
            found = found.merge(batch_moments(piece.double()))
        return found


def _has_kernel(x: Tensor) -> bool:
    if x.device.type != "cpu" or x.dtype not in cpu.DTYPES or x.dim() < 2 or not x.numel():
        return False
    return type(x) is Tensor and not x.is_neg() and cpu.available() and cpu.layout_of(x) is not None


def _widened(moments: Moments) -> Moments:
    return Moments(moments.mean.double(), moments.var.double(), moments.count)
