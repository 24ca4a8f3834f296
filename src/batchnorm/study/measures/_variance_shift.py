"""By how much does dropout directly in front of a norm change the variance that the norm sees in training?"""

import math
from collections.abc import Iterable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ...functional import Moments, batch_moments
from ...norms import Norm, find_norms
from ...transaction import transaction


def predicted_shift(mean: Tensor, var: Tensor, p: float) -> Tensor:
    """Return the variance behind dropout in training over the one in evaluation, by channel.

        E[x m / (1 - p)] = mean,    m: 0 with probability p, else 1
        E[(x m / (1 - p))**2] = (mean**2 + var) / (1 - p)
        shift = 1 + p / (1 - p) * (1 + mean**2 / var)

    It is 1 / (1 - p) where the mean is 0, and larger everywhere else.

    Args:
        mean: (C,), of what comes into the dropout.
        var: (C,), likewise, above 0.
        p: the probability with which a value is dropped.

    Example:
        >>> predicted_shift(torch.tensor([0.0, 2.0]), torch.tensor([1.0, 4.0]), 0.5)
        tensor([2., 3.])

    Source:
        Li, Chen, Hu and Yang, "Understanding the disharmony between dropout and batch normalization by variance
        shift", 2018, section 3, arXiv:1801.05134, where the mean is 0.
    """
    return 1 + p / (1 - p) * (1 + mean.square() / var)


@dataclass(frozen=True)
class VarianceShift:
    """What dropout in front of one norm does to it: ratios of variances, geometric means over the channels.

    Attributes:
        norm: the norm's name.
        measured: the variance behind dropout over that in front of it.
        predicted: the same by the formula.
        stored: the norm's running variance over that in front of dropout, which is what evaluation meets.
    """

    norm: str
    measured: float
    predicted: float
    stored: float


def variance_shifts(net: nn.Module, batches: Iterable[Tensor], p: float, seed: int = 0) -> list[VarianceShift]:
    """Measure the variance shift at every norm of a net that is called: with dropout in front of this norm alone.

    The net is in evaluation mode meanwhile, so that every norm is asked about the values that it meets there. Net and
    random state are afterwards as before. Moments are float64. Channels without variance are left out.

    Args:
        net: with norms that keep running statistics.
        batches: images, (N, C, H, W).
        p: the probability with which a value is dropped, at least 0 and below 1.
        seed: of what is dropped.

    Example:
        >>> net = nn.Sequential(nn.BatchNorm1d(4))
        >>> (shift,) = variance_shifts(net, [torch.randn(20_000, 4)], 0.2)
        >>> round(shift.predicted, 2), abs(shift.measured / shift.predicted - 1) < 0.02
        (1.25, True)
    """
    meters = [_Meter(norm, p) for norm in find_norms(net)]
    device = next(net.parameters()).device
    with transaction(net) as change, torch.no_grad():
        torch.manual_seed(seed)
        change.evaluate()
        for meter in meters:
            for module in meter.norm.modules:
                change.on_input(module, meter.see)
        for batch in batches:
            change.module(batch.to(device))
    return [meter.shift() for meter in meters if meter.before.count]


class _Meter:
    """The moments of what comes into a norm, and of the same values behind dropout."""

    def __init__(self, norm: Norm, p: float) -> None:
        self.norm, self.p = norm, p
        self.before = self.behind = Moments.empty(len(norm.mean), device=norm.mean.device, dtype=torch.float64)

    def see(self, module: nn.Module, args: tuple[Tensor, ...]) -> None:
        values = args[0].double()
        self.before = self.before.merge(batch_moments(values))
        self.behind = self.behind.merge(batch_moments(F.dropout(values, self.p)))

    def shift(self) -> VarianceShift:
        mean, var, _ = self.before
        alive = var > 0
        ratios = (self.behind.var / var, predicted_shift(mean, var, self.p), self.norm.var / var)
        measured, predicted, stored = (math.exp(ratio[alive].log().mean().item()) for ratio in ratios)
        return VarianceShift(self.norm.name, measured, predicted, stored)
