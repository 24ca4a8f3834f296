"""Which verdicts stand where some effects are only bounds, as of steps that never arrived?"""

import math
from collections.abc import Sequence

from ..records import Verdict
from ._decision import Region
from ._effects import Bound, Effect


def stands(verdict: Verdict, interval: tuple[float, float], region: Region, effects: Sequence[Effect]) -> bool:
    """Whether a verdict of such an interval would be the same if the bounds were the true effects.

    True effects that are at least those that were taken can only lie higher. Then "it lies above" stands, and "it lies
    below" does not.

    Example:
        >>> never_arrived = [Effect(-5.0, "at most"), Effect(-4.0), Effect(-6.0)]
        >>> stands("supported", (-7.5, -2.5), (-math.inf, 0.0), never_arrived)
        True
        >>> stands("supported", (-7.5, -2.5), (-10.0, math.inf), never_arrived)
        False
    """
    lower, upper = region
    if verdict == "supported":
        lies_above, lies_below = lower > -math.inf, upper < math.inf
    else:
        lies_below = interval[1] <= lower
        lies_above = not lies_below
    return verdict == "undecided" or not (
        (lies_above and _any(effects, "at most")) or (lies_below and _any(effects, "at least"))
    )


def bounds_told(effects: Sequence[Effect]) -> str | None:
    """Return how many effects are bounds, and of which kind.

    Example:
        >>> bounds_told([Effect(-5.0, "at most"), Effect(-4.0)])
        'in 1 of 2 seeds the effect is at most what is told, for a value is only a lower bound'
    """
    kinds = [one.bound for one in effects if one.bound != "exact"]
    if not kinds:
        return None
    which = " or ".join(sorted(set(kinds)))
    return (
        f"in {len(kinds)} of {len(effects)} seeds the effect is {which} what is told, for a value is only a lower bound"
    )


def _any(effects: Sequence[Effect], bound: Bound) -> bool:
    return any(one.bound == bound for one in effects)
