"""How far does a training get on images that it learns from, and on others, and how far apart are the two?"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field


@dataclass
class Course:
    """The losses on two sets of images, seen at steps that lie evenly over a training.

    `seen` is what `Recipe.on_step` takes. Whoever begins with `look(0)` has the untrained net as the first point.

    Args:
        training: gives the loss on images that are trained on.
        test: gives the loss on images that are not.
        total: the training's steps.
        points: how often to look, besides before the first step; behind the last one in any case.

    Example:
        >>> losses = iter([2.0, 2.1, 1.0, 1.3, 0.5, 0.9])
        >>> course = Course(lambda: next(losses), lambda: next(losses), total=10, points=2)
        >>> course.look(0)
        >>> for step in range(1, 11):
        ...     course.seen(step, 0.0)
        >>> course.steps, course.training_losses, course.test_losses
        ([0, 5, 10], [2.0, 1.0, 0.5], [2.1, 1.3, 0.9])
    """

    training: Callable[[], float]
    test: Callable[[], float]
    total: int
    points: int
    steps: list[int] = field(default_factory=list)
    training_losses: list[float] = field(default_factory=list)
    test_losses: list[float] = field(default_factory=list)

    def look(self, step: int) -> None:
        """Take both losses now."""
        self.steps.append(step)
        self.training_losses.append(self.training())
        self.test_losses.append(self.test())

    def seen(self, step: int, loss: float) -> None:
        """Take them if it is time."""
        if step * self.points // self.total > (step - 1) * self.points // self.total:
            self.look(step)

    def gap_at(self, level: float) -> float:
        """The test loss less the training loss where the training loss is first at `level`; see `gap_at`."""
        return gap_at(self.training_losses, self.test_losses, level)

    def mean_gap(self, levels: Sequence[float]) -> float:
        """The mean of `gap_at` over levels, of which each alone has the noise of one place; NaN if one has none."""
        return sum(map(self.gap_at, levels)) / len(levels)


def gap_at(training: Sequence[float], test: Sequence[float], level: float) -> float:
    """Return by how much the test loss exceeds the training loss where that has first come down to a level.

        gap = test(t) - level,  t the first place with training(t) <= level

    Between two points both losses are taken to be linear in the logarithm of the training loss. Two trainings that have
    come equally far on their own images are compared so: one that has learnt less has a smaller gap for that alone.

    Args:
        training: the losses on the images that are trained on, one after the other.
        test: those on other images, at the same places.
        level: a training loss, above 0.

    Returns:
        The gap; NaN where the level is never reached. Where the first point is below it, the gap there.

    Example:
        >>> round(gap_at([2.0, 1.0, 0.25], [2.0, 1.2, 1.0], level=0.5), 3)
        0.6

    Source: Luo, Wang, Shao and Peng, "Towards Understanding Regularization in Batch Normalization", 2019, who compare
    test losses at equal training loss.
    """
    before: tuple[float, float] | None = None
    for here, other in zip(training, test, strict=True):
        if here <= level:
            if before is None:
                return other - here
            share = math.log(before[0] / level) / math.log(before[0] / max(here, 1e-12))
            return before[1] + share * (other - before[1]) - level
        before = here, other
    return math.nan
