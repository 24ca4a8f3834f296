"""How smooth is the loss along the gradient in the course of a training?"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from ._smoothness import MULTIPLES, Smoothness, relative_smoothness, smoothness
from ._watched_inputs import in_second_half


@dataclass
class WatchedSmoothness:
    """What `on_step` of a training sees along the gradient ahead of some updates; the training goes as without it.

    Args:
        net: the net that is trained.
        lr: the rate by which it is; the steps along the gradient are its `MULTIPLES`.
        batch_of: the batch of an update, the first of which has number 1.
        times: the updates ahead of which to look, in ascending order.

    Attributes:
        absolute: by time, `smoothness` by steps of gradient descent.
        relative: by time, `relative_smoothness`.
    """

    net: nn.Module
    lr: float
    batch_of: Callable[[int], tuple[Tensor, Tensor]]
    times: Sequence[int]
    absolute: list[Smoothness] = field(default_factory=list)
    relative: list[Smoothness] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Look ahead of the first update."""
        self(0, math.nan)

    def __call__(self, step: int, _: float) -> None:
        """Look at the net behind an update, and ahead of the next one."""
        if step + 1 not in self.times:
            return
        batch = self.batch_of(step + 1)
        self.absolute.append(smoothness(self.net, *batch, [multiple * self.lr for multiple in MULTIPLES]))
        self.relative.append(relative_smoothness(self.net, *batch))

    def values(self) -> dict[str, float]:
        """Return the geometric means over the times in the second half, when a net learns that learns at all.

        Times at which a loss was not finite are left out.
        """
        late = in_second_half(self.times)
        found = {"": self.absolute[late], "relative ": self.relative[late]}
        return {
            f"{kind}{name.replace('_', ' ')}": _geometric_mean([getattr(at, name) for at in times])
            for kind, times in found.items()
            for name in Smoothness._fields
        }

    def series(self) -> dict[str, list[float]]:
        """Return the course over the times; NaN at those that a training did not reach."""
        missing = [math.nan] * (len(self.times) - len(self.absolute))
        return {
            "step": [float(time) for time in self.times],
            "beta over time": [at.beta for at in self.absolute] + missing,
            "loss range over time": [at.loss_range for at in self.absolute] + missing,
            "relative beta over time": [at.beta for at in self.relative] + missing,
        }


def _geometric_mean(numbers: Sequence[float]) -> float:
    logs = torch.tensor(numbers, dtype=torch.float64).log()
    return float(logs[logs.isfinite()].mean().exp())
