"""Where does the mean of few numbers lie, and how far can that be trusted?

    mean +- t(0.975, df) * error

of paired differences with `error = sd / sqrt(n)` and `df = n - 1` (Student), of means of several groups by Welch. The
numbers are taken for draws of a normal distribution; with three to ten of them nothing better is to be had: a bootstrap
of so few is too narrow by a third. See B. L. Welch, "The generalization of 'Student's' problem when several different
population variances are involved", Biometrika 34 (1947).
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import fmean, variance

from ._scipy import special_functions

LEVEL = 0.95
"""Of all intervals: how often they hold the true mean."""


@dataclass(frozen=True)
class Estimate:
    """A mean, its standard error, and the degrees of freedom of that.

    Example:
        >>> estimate = of_sample([1.0, 2.0, 3.0])
        >>> estimate.mean, [round(one, 2) for one in estimate.interval()]
        (2.0, [-0.48, 4.48])
    """

    mean: float
    error: float
    df: float

    def interval(self) -> tuple[float, float]:
        """Return the interval that holds the true mean in 95 of 100 studies."""
        if not self.error:
            return self.mean, self.mean
        half = float(special_functions().stdtrit(self.df, (1 + LEVEL) / 2)) * self.error
        return self.mean - half, self.mean + half

    def p_above(self, border: float) -> float:
        """Return how often a mean comes out this high, or higher, if the true one lies at the border."""
        if not self.error:
            return 0.0 if self.mean > border else 1.0
        return float(special_functions().stdtr(self.df, (border - self.mean) / self.error))

    def p_below(self, border: float) -> float:
        """Return how often a mean comes out this low, or lower, if the true one lies at the border."""
        if not self.error:
            return 0.0 if self.mean <= border else 1.0
        return float(special_functions().stdtr(self.df, (self.mean - border) / self.error))


def of_sample(values: Sequence[float]) -> Estimate:
    """Return what at least two numbers, such as paired differences, say of their mean."""
    unit = _unit(values)
    scaled = [value / unit for value in values]
    return Estimate(unit * fmean(scaled), unit * math.sqrt(variance(scaled) / len(scaled)), len(scaled) - 1)


def _unit(values: Iterable[float]) -> float:
    """What numbers are measured in, so that no square of them is too large or too small for a float."""
    return max(map(abs, values)) or 1.0


def of_groups(groups: Sequence[tuple[int, Sequence[float]]]) -> Estimate:
    """Return what independent groups say of a sum of their means.

    Args:
        groups: a sign for each, and at least two numbers.

    Example:
        >>> estimate = of_groups([(1, [1.0, 2.0, 3.0]), (-1, [0.0, 1.0, 2.0])])
        >>> estimate.mean, round(estimate.error, 3), round(estimate.df, 3)
        (1.0, 0.816, 4.0)
    """
    unit = _unit(value for _, values in groups for value in values)
    squares = [variance([value / unit for value in values]) / len(values) for _, values in groups]
    total = sum(squares)
    parts = sum(one**2 / (len(values) - 1) for one, (_, values) in zip(squares, groups, strict=True))
    return Estimate(
        sum(sign * fmean(values) for sign, values in groups), unit * math.sqrt(total), total**2 / parts if parts else 1
    )
