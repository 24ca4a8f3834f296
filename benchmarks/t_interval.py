"""How certain is a mean over a few seeds?"""

import math
from collections.abc import Sequence
from statistics import mean, stdev

from scipy.stats import t as student


def half_width(values: Sequence[float]) -> float:
    """Return half of the mean's 95 % t interval; not a number for a single value."""
    if len(values) < 2:
        return math.nan
    return float(student.ppf(0.975, len(values) - 1)) * stdev(values) / math.sqrt(len(values))


def interval(values: Sequence[float]) -> str:
    """Return mean and half of the interval, as text."""
    return f"{mean(values):.2f} ± {half_width(values):.2f}"
