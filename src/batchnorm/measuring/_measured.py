"""What did all ranks measure together in one pass, and how far does it lie from what is stored?"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from typing import NamedTuple

import torch
from torch import Tensor

from ..functional import Moments
from ._collect import PARTS


class Statistics(NamedTuple):
    """A mean and a variance per channel, as a norm stores them, in float64."""

    mean: Tensor
    var: Tensor

    def on(self, part: slice) -> "Statistics":
        """Those of one norm."""
        return Statistics(self.mean[part], self.var[part])


class Distance(NamedTuple):
    """How far statistics lie from others, per channel: means in sigmas, |log| of the variances' ratio."""

    mean: Tensor
    var: Tensor

    def on(self, part: slice) -> "Distance":
        """Those of one norm."""
        return Distance(self.mean[part], self.var[part])


@dataclass(frozen=True, slots=True)
class Measured:
    """The moments of each norm's input over a whole pass, one number per channel, all norms in one vector."""

    moments: Moments
    spread: Moments
    batches: Tensor

    def stored(self, variance: str) -> Statistics:
        """As a norm is to store them; the unbiased variance of one value is NaN."""
        mean, var, count = self.moments
        return Statistics(mean, var if variance == "biased" else var * (count / (count - 1)))

    def standard_error(self) -> Tensor:
        """Of the mean, from how the batches' means scatter around it; NaN where there was one batch.

            sqrt(sum((count_b * (mean_b - mean))**2) / count**2 * k / (k - 1)),  b: the k batches

        A pixel is no sample of its own: the pixels of an image resemble each other, so that their number says
        nothing. Whole batches are independent if the loader mixes.
        """
        mean, _, count = self.moments
        k = self.batches
        scatter = (self.spread.var + (self.spread.mean - mean).square()) * self.spread.count
        return (scatter / (count * count) * (k / (k - 1))).sqrt().where(k > 1, torch.nan)


def merge(vectors: Sequence[Tensor]) -> Measured:
    """Merge what the ranks' collectors came to, in their order, so that all of them come to the same bits."""
    parts = [vector.view(PARTS, -1) for vector in vectors]
    total = reduce(Moments.merge, (Moments(*part[0:6:2]) for part in parts))
    spread = reduce(Moments.merge, (Moments(*part[1:6:2]) for part in parts))
    return Measured(total, spread, torch.stack([part[6] for part in parts]).sum(0))


def distance(measured: Statistics, other: Statistics, eps: Tensor) -> Distance:
    """How far `other` lies from `measured`, whose sigma is `sqrt(var + eps)`, that by which a norm divides.

    Two equal numbers are 0 apart, were sigma 0, too. NaN stays NaN.
    """
    sigma = (measured.var + eps).sqrt()
    shift = (measured.mean - other.mean).abs()
    ratio = ((measured.var + eps).log() - (other.var + eps).log()).abs()
    return Distance((shift / sigma).where(shift != 0, 0.0), ratio.where(measured.var != other.var, 0.0))
