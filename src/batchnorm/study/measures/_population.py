"""How does a net train by the statistics of the whole training set? They are measured again every few steps."""

from collections.abc import Iterable
from typing import Any

from torch import nn

from ...errors import InputError
from ...statistics import recalibrate


class Population:
    """Keeps the statistics of a net whose norms read the population's as young as `every` steps.

    `seen` is what `Recipe.on_step` takes; the first measurement is made at once, for those of a new norm are 0 and 1. A
    net whose outputs are not finite any more cannot be measured: it is left alone, and its next loss says so.

    Args:
        net: with `moments="population"`.
        images: batches that stand for the population, the same every time.
        every: so many steps, at least 1.

    Example:
        >>> import torch
        >>> from batchnorm.nn import BatchNorm1d
        >>> net = nn.Sequential(BatchNorm1d(1, moments="population"))
        >>> population = Population(net, [torch.tensor([[0.0], [2.0], [4.0]])], every=5)
        >>> net[0].running_mean, population.measured
        (tensor([2.]), 1)
        >>> for step in range(1, 11):
        ...     population.seen(step, 0.0)
        >>> population.measured
        3

    Source: Lian and Liu, "Revisit Batch Normalization: New Understanding and Refinement via Composition Optimization",
    2019 (full normalization); Wu and Johnson, "Rethinking 'Batch' in BatchNorm", 2021, section 3 (a thousand images
    are enough).
    """

    def __init__(self, net: nn.Module, images: Iterable[Any], every: int) -> None:
        self.net, self.images, self.every = net, images, every
        self.measured = 0
        self.measure()

    def seen(self, step: int, loss: float) -> None:
        """Measure them if it is time."""
        if step % self.every == 0:
            self.measure()

    def measure(self) -> None:
        """Measure them now."""
        try:
            recalibrate(self.net, self.images)
        except InputError:
            if not self.measured:  # an untrained net that cannot be measured is somebody's mistake
                raise
        self.measured += 1
