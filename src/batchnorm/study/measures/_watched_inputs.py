"""How do the layers' inputs, and the gradients because of them, move in the course of a training?"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor, nn

from ...transaction import transaction
from ._gradient_shift import GradientShift, gradient_shift, mean_shift, weights_of
from ._input_moments import InputMoments, input_drift, input_moments
from ._noise import norm_places

QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)

Batch = tuple[Tensor, Tensor]


def input_quantiles(net: nn.Module, images: Tensor, quantiles: Sequence[float] = QUANTILES) -> list[float]:
    """Return quantiles of what the last norm gives to its activation, over all values of a batch, in training mode.

    In a net without norms it is what the last hidden layer gives. NaN where not all are
    finite. The net is afterwards as it was.

    Example:
        >>> net = nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3), nn.ReLU())
        >>> low, median, high = input_quantiles(net, torch.randn(512, 2), (0.05, 0.5, 0.95))
        >>> low < -1 < median < 1 < high
        True
    """
    found: list[Tensor] = []
    with transaction(net) as change, torch.no_grad():
        change.train()
        change.on_output(norm_places(change.module)[-1], lambda _, __, output: found.append(output))
        net(images)
    values = found[-1].double().cpu()
    if not values.isfinite().all():
        return [math.nan] * len(quantiles)
    return [float(number) for number in np.quantile(values.numpy(), quantiles)]


@dataclass
class WatchedInputs:
    """What `on_step` of a training sees at some of its steps; the training goes as without it.

    Args:
        net: the net that is trained.
        images: a batch that is the same at all times, of whose inputs the moments are.
        batch_of: the batch of an update, the first of which has number 1.
        times: the updates at which to look, in ascending order.

    Attributes:
        drifts: by time and layer, how far the moments have moved since the time before.
        drifts_of_a_step: likewise, by this update alone.
        shifts: by time and layer, what the updates of the layers below have done to the gradient.
        quantiles: by time, of what the last norm gives.
    """

    net: nn.Module
    images: Tensor
    batch_of: Callable[[int], Batch]
    times: Sequence[int]
    drifts: list[list[float]] = field(default_factory=list)
    drifts_of_a_step: list[list[float]] = field(default_factory=list)
    shifts: list[list[GradientShift]] = field(default_factory=list)
    quantiles: list[list[float]] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Look at what the net is before its first update."""
        self._earlier = input_moments(self.net, self.images)
        self._before(0)

    def __call__(self, step: int, _: float) -> None:
        """Look at the net behind an update."""
        if step in self.times:
            moments = input_moments(self.net, self.images)
            self.drifts.append(_drifts(self._earlier, moments))
            self.drifts_of_a_step.append(_drifts(self._moments, moments))
            self.shifts.append(gradient_shift(self.net, self._weights, *self.batch_of(step)))
            self.quantiles.append(input_quantiles(self.net, self.images))
            self._earlier = moments
        self._before(step)

    def _before(self, step: int) -> None:
        if step + 1 in self.times:
            self._weights = weights_of(self.net)
            self._moments = input_moments(self.net, self.images)

    def values(self) -> dict[str, float]:
        """Return the means over layers and times in the second half, when a net learns that learns at all.

        Of the gradients' distances it is the geometric mean. NaN is left out.
        """
        late = in_second_half(self.times)
        shift = mean_shift([shift for shifts in self.shifts[late] for shift in shifts])
        return {
            "drift": _mean(self.drifts[late]),
            "drift of a step": _mean(self.drifts_of_a_step[late]),
            "gradient cosine": shift.cosine,
            "gradient shift": shift.distance,
        }

    def series(self) -> dict[str, list[float] | list[list[float]]]:
        """Return the course over the times; NaN at those that a training did not reach."""
        missing = len(self.times) - len(self.quantiles)
        shifts = [mean_shift(shifts) for shifts in self.shifts]
        return {
            "step": [float(time) for time in self.times],
            "drift over time": [_mean([drifts]) for drifts in self.drifts] + [math.nan] * missing,
            "cosine over time": [shift.cosine for shift in shifts] + [math.nan] * missing,
            "quantiles": self.quantiles + [[math.nan] * len(QUANTILES)] * missing,
        }


def in_second_half(times: Sequence[int]) -> slice:
    """Return the places of those times that are later than half of the last one.

    Example:
        >>> [1, 5, 6, 10][in_second_half([1, 5, 6, 10])]
        [6, 10]
    """
    return slice(sum(2 * time <= times[-1] for time in times), None)


def _drifts(before: Sequence[InputMoments], after: Sequence[InputMoments]) -> list[float]:
    return [input_drift(*pair) for pair in zip(before, after, strict=True)]


def _mean(table: Sequence[Sequence[float]]) -> float:
    return float(torch.tensor(table, dtype=torch.float64).nanmean())
