"""Up to which value does something work? Found from above, and then by halving on a logarithmic scale."""

import math
from collections.abc import Callable
from typing import NamedTuple

STRIDE = math.sqrt(10)
"""By this factor the search goes down, before it halves."""


class Largest(NamedTuple):
    """The largest value that works, and whether larger ones that were not tried may work, too."""

    value: float
    censored: bool


def largest_that_works(works: Callable[[float], bool], low: float, high: float, halvings: int) -> Largest:
    """Return the largest value between `low` and `high` that works, up to a factor of 10 ** (0.5 / 2 ** halvings).

    It comes from above, by half powers of ten, until something works, and halves the last stride. So nothing is
    concluded from small values, which may fail for a reason of their own: a training at a tiny learning rate has not
    diverged, it has hardly begun.

    Args:
        works: whether a value does; it is asked at `high` first.
        low: more than 0; no smaller value is tried.
        high: more than `low`.
        halvings: how often the stride is halved.

    Returns:
        The value; NaN where none works. It is `high`, and censored, where that works.

    Example:
        >>> largest_that_works(lambda value: value < 2, 0.01, 100, halvings=0)
        Largest(value=1.0, censored=False)
        >>> round(largest_that_works(lambda value: value < 2, 0.01, 100, halvings=6).value, 2)
        1.98
        >>> largest_that_works(lambda value: True, 0.01, 100, halvings=2)
        Largest(value=100, censored=True)
    """
    if works(high):
        return Largest(high, censored=True)
    strides = math.ceil(math.log(high / low) / math.log(STRIDE))
    for stride in range(1, strides + 1):
        tried = max(low, high * 10 ** (-stride / 2))
        if works(tried):
            return Largest(_halved(works, tried, high * 10 ** ((1 - stride) / 2), halvings), censored=False)
    return Largest(math.nan, censored=False)


def _halved(works: Callable[[float], bool], good: float, bad: float, halvings: int) -> float:
    for _ in range(halvings):
        middle = math.sqrt(good * bad)
        if works(middle):
            good = middle
        else:
            bad = middle
    return good
