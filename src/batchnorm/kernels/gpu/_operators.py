"""What are the sweeps on a GPU? Torch's own operators, with which its SyncBatchNorm puts a sum over processes between.

They compute (x - mean) * invstd * weight + bias, and back (dy - sum_dy / n - (x - mean) * invstd**2 * sum_dy_x / n) *
invstd * weight. With an `invstd` of 1 and n = 1 that is any affine step, and any way back of a scale that is not 0.
Nothing follows it: a residual, an activation and a pool are operators of their own here.
"""

from contextlib import suppress

import torch
from torch import Tensor

from .._seam import Affine, Applied, Back, Behind, Sums, Unapplied
from .._unusable import UnusableKernelsError
from . import _moments

ACTIVATIONS = ("identity",)
"""The activations that may stand in `Behind`."""

PLAIN = Behind()
LEAST = 2.0**-64
"""A scale is at least so large a part of what comes back through the moments, for these are divided by it."""


def why_not(x: Tensor) -> str | None:
    """Which condition a tensor fails, as the rest of a sentence; None if none."""
    if x.device.type != "cuda":
        return f"needs x on a GPU of CUDA or ROCm, got it on {x.device}"
    if x.dtype not in _moments.DTYPES:
        return f"needs x of float32, float64, float16 or bfloat16, got {x.dtype}"
    return None if x.layout is torch.strided else f"needs x with strides, got {x.layout}"


def moments(x: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and biased variance of x (N, C, *) for each channel, in float64; where our kernel takes x, summed in it."""
    if not x.numel():
        zeros = torch.zeros(x.shape[1], dtype=torch.float64, device=x.device)
        return zeros, zeros.clone()
    if _moments.takes(x):
        with suppress(UnusableKernelsError):
            return _moments.exact_moments(x)
    # The operator gives 1 / sqrt(var + eps), but 0 where both are 0, which it gives for an infinite variance, too.
    # The smallest eps tells them apart, and is nothing beside any other variance.
    eps = torch.finfo(_wide(x)).tiny
    mean, invstd = torch.batch_norm_stats(x, eps)
    var = invstd.double().square().reciprocal()
    return mean.double(), torch.where(var < 2 * eps, 0.0, var)


def apply(x: Tensor, affine: Affine, behind: Behind = PLAIN, residual: Tensor | None = None) -> Applied:
    """Compute y = (x - center) * scale + shift.

    Raises:
        ValueError: `behind` has a step, or there is a residual.
    """
    _check_plain("apply", behind, residual)
    nothing = torch.empty(0, dtype=torch.uint8, device=x.device)
    if not x.numel():
        return Applied(torch.empty_like(x), nothing)
    mean, scale, shift = _rounded(x, affine)
    return Applied(torch.batch_norm_elemt(x, scale, shift, mean, torch.ones_like(mean), 0.0), nothing)


def sums(dy: Tensor, x: Tensor, affine: Affine, behind: Behind = PLAIN, masks: Tensor | None = None) -> Sums:
    """Compute the sums of dy and of dy * (x - center) over each channel, (C,) in float64; `masks` has nothing to say.

    Raises:
        ValueError: `behind` has a step.
    """
    del masks
    _check_plain("sums", behind)
    if not x.numel():
        return Sums(*torch.zeros(2, x.shape[1], dtype=torch.float64, device=x.device))
    mean, scale, _ = _rounded(x, affine)
    ones = torch.ones_like(mean)
    sum_dy, sum_dy_x, _, _ = torch.batch_norm_backward_reduce(_like(dy, x), x, mean, ones, scale, True, False, False)
    sum_dy, sum_dy_x = sum_dy.double(), sum_dy_x.double()
    if affine.center is not None:  # what rounding took from it; beside an infinite sum it is nothing
        lost = (mean.double() - affine.center.double()) * sum_dy
        sum_dy_x = torch.where(lost.isfinite(), sum_dy_x + lost, sum_dy_x)
    return Sums(sum_dy, sum_dy_x)


def apply_back(
    dy: Tensor,
    x: Tensor,
    affine: Affine,
    back: Back | None,
    behind: Behind = PLAIN,
    masks: Tensor | None = None,
) -> Unapplied:
    """Compute dx = dy * scale + (x - center) * of_x + constant; without `back` dx = dy * scale.

    Raises:
        ValueError: `behind` has a step.
    """
    del masks
    _check_plain("apply_back", behind)
    if not x.numel():
        return Unapplied(torch.empty_like(x), None)
    mean, scale, _ = _rounded(x, affine)
    dy, ones = _like(dy, x), torch.ones_like(mean)
    if back is None:  # 0 * x would make a NaN of an infinite x
        return Unapplied(torch.batch_norm_elemt(dy, scale, None, torch.zeros_like(mean), ones, 0.0), None)
    scale, sum_dy, sum_dy_x = _divided(mean, scale, affine, back)
    count = torch.ones(1, dtype=torch.int32, device=x.device)
    return Unapplied(torch.batch_norm_backward_elemt(dy, x, mean, ones, scale, sum_dy, sum_dy_x, count), None)


def _divided(mean: Tensor, scale: Tensor, affine: Affine, back: Back) -> tuple[Tensor, Tensor, Tensor]:
    """A scale, and the two sums that, multiplied by it, are what comes back through the moments."""
    of_x, constant = back.of_x.double(), back.constant.double()
    if affine.center is not None:
        lost = (mean.double() - affine.center.double()) * of_x
        constant = torch.where(lost.isfinite(), constant + lost, constant)
    least = LEAST * torch.maximum(of_x.abs(), constant.abs())
    by = torch.where(scale.double().abs() < least, least, scale.double()).to(scale.dtype)
    whole = torch.where(by == 0, 1.0, by.double())  # then both are 0, or nearly
    return by, (-constant / whole).to(scale.dtype), (-of_x / whole).to(scale.dtype)


def _rounded(x: Tensor, affine: Affine) -> tuple[Tensor, Tensor, Tensor]:
    """Center, scale and shift in the type that the operators compute in; what the center lost is in the shift."""
    kind, channels = _wide(x), x.shape[1]
    zeros = torch.zeros(channels, dtype=torch.float64, device=x.device)
    center, shift = (zeros if values is None else values.double() for values in (affine.center, affine.shift))
    scale = zeros + 1 if affine.scale is None else affine.scale.double()
    mean = center.to(kind)
    return mean, scale.to(kind), (shift + (mean.double() - center) * scale).to(kind)


def _wide(x: Tensor) -> torch.dtype:
    return torch.float64 if x.dtype is torch.float64 else torch.float32


def _like(dy: Tensor, x: Tensor) -> Tensor:
    """A gradient in the dtype and the memory format of x."""
    return dy if dy.dtype is x.dtype and dy.stride() == x.stride() else torch.empty_like(x).copy_(dy)


def _check_plain(verb: str, behind: Behind, residual: Tensor | None = None) -> None:
    if behind != PLAIN or residual is not None:
        raise ValueError(
            f"{verb}: on a GPU expected nothing behind the affine step, got {behind}. Apply it with torch's operators."
        )
