"""What are the mean and the variance of a batch, and of two batches together?"""

import math
from typing import NamedTuple

import torch
from torch import Tensor

from ..errors import InputTypeError
from ._channels import reduced_dims, sizes_are_known, widen
from ._given import check_given


class Moments(NamedTuple):
    """Mean, biased variance and count of the values of each channel; two of them can be merged.

    Shapes: `mean` and `var` (C,), in float32 or wider; `count`, the values per channel (N times the
    spatial size), an integer or, when it comes from another process, a tensor. A count of 0 means:
    nothing seen yet; such moments are the neutral element of `merge`, whatever their mean and
    variance hold.

    Example:
        >>> x = torch.tensor([[1.0], [2.0], [6.0]])
        >>> batch_moments(x[:1]).merge(batch_moments(x[1:]))
        Moments(mean=tensor([3.]), var=tensor([4.6667]), count=3)

    Source: Chan, Golub, LeVeque, "Updating formulae and a pairwise algorithm for computing sample
    variances", 1979.
    """

    mean: Tensor
    var: Tensor
    count: int | Tensor  # type: ignore[assignment]  # the literature's word hides tuple.count

    @classmethod
    def empty(
        cls,
        channels: int,
        *,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> "Moments":
        """The moments of nothing: count 0, the start of a loop of merges.

        Example:
            >>> x = torch.randn(8, 3)
            >>> Moments.empty(3).merge(batch_moments(x)).count
            8
        """
        zeros = torch.zeros(channels, device=device, dtype=dtype)
        return cls(zeros, zeros.clone(), 0)

    @property
    def unbiased_var(self) -> Tensor:
        """The variance with count - 1 below (Bessel), as `running_var` stores it; NaN for 1."""
        if isinstance(self.count, Tensor):
            count = self.count.to(self.var.dtype)
            return self.var * (count / (count - 1))
        return self.var * (self.count / (self.count - 1) if self.count != 1 else math.nan)

    def merge(self, other: "Moments") -> "Moments":
        """The moments of both sets of values together, exact up to rounding.

            share = other.count / count;  delta = other.mean - mean
            mean + delta * share
            var * (1 - share) + other.var * share + delta**2 * share * (1 - share)

        This is (count, mean, M2) with M2 = var * count. The shortcut E[x**2] - E[x]**2 is not used
        anywhere: in float32 it gives a variance of 0 for values around 10,000 whose variance is 1.

        Merging is associative and commutative up to rounding. Over very many batches the rounding
        adds up in float32; start from `Moments.empty(C, dtype=torch.float64)` then, and the result
        stays in float64.

        Raises:
            ValueError: `other` has another number of channels.

        Example:
            >>> a, b = batch_moments(torch.zeros(2, 1)), batch_moments(torch.ones(2, 1))
            >>> a.merge(b).var
            tensor([0.2500])
        """
        if not isinstance(other, Moments):
            raise InputTypeError(verb="merge", argument="other", expected="Moments", got=type(other).__name__)
        if sizes_are_known() and self.mean.shape != other.mean.shape:
            raise ValueError(
                f"merge: other must have the moments of as many channels as these, with a mean of shape "
                f"{tuple(self.mean.shape)}, got {tuple(other.mean.shape)}. Merge moments of the same layer or data."
            )
        dtype = torch.promote_types(self.mean.dtype, other.mean.dtype)
        a, b = self._known(other, dtype), other._known(self, dtype)
        share = _share(self.count, other.count, dtype)
        delta = b.mean - a.mean
        return Moments(
            a.mean + delta * share,
            a.var * (1 - share) + b.var * share + delta.square() * (share * (1 - share)),
            self.count + other.count,
        )

    def _known(self, other: "Moments", dtype: torch.dtype) -> "Moments":
        """These moments, or the other's where these have count 0 and may hold anything."""
        if not isinstance(self.count, Tensor):
            known = self if self.count else other
            return Moments(known.mean.to(dtype), known.var.to(dtype), self.count)
        seen = self.count > 0
        mean = torch.where(seen, self.mean, other.mean)
        return Moments(mean.to(dtype), torch.where(seen, self.var, other.var).to(dtype), self.count)


def _share(count: int | Tensor, other: int | Tensor, dtype: torch.dtype) -> float | Tensor:
    """How much of all values are the other's, in [0, 1]; no tensor is read back to Python."""
    total = count + other
    if isinstance(total, Tensor):
        return torch.as_tensor(other, device=total.device).to(dtype) / total.clamp(min=1).to(dtype)
    return other / max(total, 1)


def batch_moments(x: Tensor) -> Moments:
    """Mean and biased variance of `x` (N, C, *) for each channel, over all axes but the channel's.

        mean = x.mean(dims);  var = ((x - mean)**2).mean(dims);  count = x.numel() // C

    bfloat16 and float16 are reduced in float32 and give float32; float32 and float64 stay. The
    variance is taken around the mean (Welford), so a channel of mean 10,000 and variance 1 comes
    out right to 1e-4 in float32. A batch without values has count 0, mean 0 and variance 0.
    Differentiable.

    Raises:
        TypeError: `x` is not of a floating-point dtype.
        ValueError: `x` has fewer than two axes.

    Example:
        >>> batch_moments(torch.tensor([[0.0, 1.0], [2.0, 1.0]]))
        Moments(mean=tensor([1., 1.]), var=tensor([1., 0.]), count=2)
    """
    check_given("batch_moments", " of shape (N, C, *)", x=x)
    if not x.is_floating_point():
        raise TypeError(
            f"batch_moments: x must be of a floating-point dtype, got {x.dtype}. Convert it first, e.g. x.float()."
        )
    if x.dim() < 2:
        raise ValueError(
            f"batch_moments: x must have the shape (N, C, *), got {tuple(x.shape)}. Add the missing axes, e.g. x[None]."
        )
    channels = x.shape[1]
    if sizes_are_known() and x.numel() == 0:
        return Moments.empty(channels, device=x.device, dtype=widen(x).dtype)
    var, mean = torch.var_mean(widen(x), dim=reduced_dims(x), correction=0)
    return Moments(mean, var, x.numel() // channels)
