"""How is a number written into a figure, and what do those of several seeds come to?"""

import math
from collections.abc import Iterable, Sequence
from typing import NamedTuple

DIGITS = 5
"""Significant ones, of whatever is drawn: more are not seen, and a page would be larger by them."""


class Spread(NamedTuple):
    """A mean with its 95 % interval, None where a single number has none."""

    mean: float
    low: float | None
    high: float | None


def short(value: float) -> float:
    """Return a finite number with few digits."""
    return float(f"{value:.{DIGITS}g}")


def rounded(value: float | None) -> float | None:
    """Return a number with few digits; None of one that is none, or not finite.

    Example:
        >>> rounded(91.234567), rounded(1200.0), rounded(float("nan"))
        (91.235, 1200.0, None)
    """
    return None if value is None or not math.isfinite(value) else short(value)


def spread(values: Iterable[float | None], *, log: bool = False) -> Spread | None:
    """Return the mean and the 95 % interval of the mean by Student's t; None of no numbers.

    `mean ± t(0.975, n - 1) · s / √n`, with `log` of the logarithms of those that are positive: the geometric mean.

    Example:
        >>> [round(number, 3) for number in spread([1.0, 2.0, 3.0])]
        [2.0, -0.484, 4.484]
    """
    known = [value for value in values if value is not None and math.isfinite(value) and (not log or value > 0)]
    if not known:
        return None
    if log:
        mean, low, high = _spread([math.log(value) for value in known])
        return Spread(math.exp(mean), None if low is None else math.exp(low), None if high is None else math.exp(high))
    return _spread(known)


def _spread(values: Sequence[float]) -> Spread:
    from scipy.special import stdtrit

    count = len(values)
    mean = math.fsum(values) / count
    if count < 2:
        return Spread(mean, None, None)
    sd = math.sqrt(math.fsum((value - mean) ** 2 for value in values) / (count - 1))
    half = float(stdtrit(count - 1, 0.975)) * sd / math.sqrt(count)
    return Spread(mean, mean - half, mean + half)


def text(value: object) -> str:
    """Word an option's value for an axis or a legend.

    Example:
        >>> text(0.003), text(None), text(True), text([3, 5])
        ('0.003', 'none', 'yes', '3, 5')
    """
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.{DIGITS}g}"
    if isinstance(value, list | tuple):
        return ", ".join(map(text, value))
    return str(value)
