"""Does an interval lie in the region that a rule names, in the rest of the line, or on both sides of a border?"""

import math

from ..records import Verdict
from ._estimate import Estimate

Region = tuple[float, float]
"""Between which values an effect has to lie; infinite where there is no border."""


def decided(interval: tuple[float, float], region: Region) -> Verdict:
    """Return the verdict of an interval.

    Example:
        >>> above_one = (1.0, math.inf)
        >>> decided((1.2, 3.0), above_one), decided((-1.0, 0.5), above_one), decided((0.5, 3.0), above_one)
        ('supported', 'not supported', 'undecided')
    """
    (low, high), (lower, upper) = interval, region
    if lower < low and high < upper:
        return "supported"
    return "not supported" if high <= lower or upper <= low else "undecided"


def p_value(estimate: Estimate, region: Region) -> float:
    """Return the smallest p at which the effect is placed: in the region, or on one side of it.

    Twice the one-sided p of whichever the mean speaks for, with the effect right at the border: it is below 0.05
    exactly where the interval of 95 % decides.

    Example:
        >>> round(p_value(Estimate(mean=3.0, error=1.0, df=5), (1.0, math.inf)), 3)
        0.102
    """
    lower, upper = region
    above_lower = 0.0 if lower == -math.inf else estimate.p_above(lower)
    below_upper = 0.0 if upper == math.inf else estimate.p_below(upper)
    inside = max(above_lower, below_upper)
    outside = min(
        1.0 if lower == -math.inf else estimate.p_below(lower),
        1.0 if upper == math.inf else estimate.p_above(upper),
    )
    return min(1.0, 2 * inside, 2 * outside)
