"""What are the moments of a batch, to more digits than its dtype has?"""

from contextlib import suppress

import torch
from torch import Tensor

from ..kernels import UnusableKernelsError, cpu, gpu
from ._given import check_given
from ._moments import Moments, batch_moments
from ._table import choose

PIECE, PIECE_ELSEWHERE = 1 << 20, 1 << 22
"""Values that are widened to float64 at a time, where no kernel reads them as they are: on the CPU, and on a GPU."""


def exact_moments(x: Tensor) -> Moments:
    """Mean and biased variance of `x` (N, C, *) for each channel in float64, whatever the dtype of `x`; no gradient.

        mean = x.mean(dims);  var = ((x - mean)**2).mean(dims);  count = x.numel() // C

    The values of `batch_moments`, but sums are taken in float64, and mean and variance are not rounded to the dtype of
    `x`: what is merged over many batches begins here. A contiguous or channels_last tensor, on the CPU or on a GPU of
    CUDA, is read once by a kernel; others are widened to float64 piece by piece.

    Raises:
        TypeError: `x` is not of a floating-point dtype.
        ValueError: `x` has fewer than two axes.

    Example:
        >>> exact_moments(torch.tensor([[0.0, 1.0], [2.0, 1.0]]))
        Moments(mean=tensor([1., 1.], dtype=torch.float64), var=tensor([1., 0.], dtype=torch.float64), count=2)
    """
    check_given("exact_moments", " of shape (N, C, *)", x=x)
    with torch.no_grad():
        if choose("exact_moments", x) == "fused":
            with suppress(UnusableKernelsError):  # that Numba or Triton is broken comes out when it is to compile
                mean, var = gpu.exact_moments(x) if gpu.takes(x) else cpu.moments(x)
                return Moments(mean, var, x.numel() // x.shape[1])
        if not x.is_floating_point() or x.dim() < 2 or not x.numel():
            return _widened(batch_moments(x))
        found = Moments.empty(x.shape[1], device=x.device, dtype=torch.float64)
        piece = PIECE if x.device.type == "cpu" else PIECE_ELSEWHERE
        images = max(1, piece * len(x) // x.numel())
        for part in torch.split(x, images):
            found = found.merge(batch_moments(part.double()))
        return found


def _widened(moments: Moments) -> Moments:
    return Moments(moments.mean.double(), moments.var.double(), moments.count)
