"""Over how wide a range of a setting does accuracy hold?"""

import math
from collections.abc import Mapping
from itertools import pairwise
from typing import NamedTuple


class Range(NamedTuple):
    """From where to where it holds."""

    low: float
    high: float

    @property
    def decades(self) -> float:
        """Return the range's width: log10(high / low).

        Example:
            >>> Range(0.01, 10.0).decades
            3.0
        """
        return math.log10(self.high / self.low)


def workable(accuracy: Mapping[float, float], least: float) -> Range | None:
    """Return the range of a setting around its best value in which the accuracy is at least `least`.

    Between two settings that were tried the accuracy is taken to be a straight line over the setting's logarithm, so
    that the border lies where that crosses `least`. A range that reaches an end of what was tried is cut there.

    Args:
        accuracy: by setting, which is more than 0.
        least: the level.

    Returns:
        None where even the best is below the level, or where nothing was tried.

    Example:
        >>> workable({0.1: 50.0, 1.0: 90.0, 10.0: 90.0}, least=70.0)
        Range(low=0.31622776601683794, high=10.0)
        >>> workable({0.1: 50.0}, least=70.0) is None
        True
    """
    tried = sorted(accuracy)
    best = max(tried, key=lambda setting: accuracy[setting], default=None)
    if best is None or accuracy[best] < least:
        return None
    place = tried.index(best)
    return Range(_border(tried[place::-1], accuracy, least), _border(tried[place:], accuracy, least))


def _border(settings: list[float], accuracy: Mapping[float, float], least: float) -> float:
    """Where the accuracy falls below the level for the first time, going away from the best."""
    for inside, outside in pairwise(settings):
        if accuracy[outside] < least:
            share = (accuracy[inside] - least) / (accuracy[inside] - accuracy[outside])
            return float(inside * (outside / inside) ** share)
    return settings[-1]
