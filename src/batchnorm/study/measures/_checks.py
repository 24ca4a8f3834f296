"""How does accuracy grow over the steps of a training, and how long does a step take without the checking?"""

import statistics
from collections.abc import Callable


class Checks:
    """Judges a net every few steps of its training, and times the steps between: a callback for each step.

    Args:
        judge: gives the accuracy now, in percent.
        every: how many steps.
        clock: gives seconds.

    Example:
        >>> checks = Checks(lambda: 50.0, every=2, clock=iter(range(100)).__next__)
        >>> for step in (1, 2, 3, 4):
        ...     checks(step, 2.3)
        >>> checks.steps, checks.accuracies, checks.seconds_per_step
        ([2, 4], [50.0, 50.0], 1.0)
    """

    def __init__(self, judge: Callable[[], float], every: int, clock: Callable[[], float]) -> None:
        self.judge, self.every, self.clock = judge, every, clock
        self.steps: list[int] = []
        self.accuracies: list[float] = []
        self._durations: list[float] = []
        self._since = clock()

    def __call__(self, step: int, loss: float) -> None:
        """Note how long the step took, and check if it is time to."""
        self._durations.append(self.clock() - self._since)
        if step % self.every == 0:
            self.steps.append(step)
            self.accuracies.append(self.judge())
        self._since = self.clock()

    def fill(self, steps: int, accuracy: float) -> None:
        """Add the checks up to `steps` that a training which has ended before did not come to."""
        missing = range((len(self.steps) + 1) * self.every, steps + 1, self.every)
        self.steps.extend(missing)
        self.accuracies.extend(accuracy for _ in missing)

    @property
    def seconds_per_step(self) -> float:
        """Return the median, which what runs beside and the first steps do not move."""
        return statistics.median(self._durations) if self._durations else 0.0
