"""What do the paired runs of two arms answer to a claim's question?"""

import math
from collections.abc import Callable, Sequence

from ..records import StudyComparison
from ._bounds import bounds_told, stands
from ._comparison import Comparison
from ._decision import Region, decided, p_value
from ._effects import Effect, effect, side_of, terms, why_missing
from ._estimate import Estimate, of_groups, of_sample
from ._power import detectable
from ._values import Values

LARGEST = 700.0
"""The logarithm of the largest ratio that is told: soon behind it `exp` gives no number."""


def compared(comparison: Comparison, values: Values, seeds: Sequence[int]) -> StudyComparison:
    """Return effect, interval and verdict of one comparison; Holm's are added when all of a study are known."""
    effects = [effect(comparison, values, seed) for seed in seeds]
    known = [one.value for one in effects if one.value is not None]
    estimate = of_sample(known) if len(known) > 1 else None
    region, shown = comparison.region(), _shown(comparison)
    unanswered = _why_unanswered(effects, seeds, estimate, region)
    answer = estimate if unanswered is None else None
    return StudyComparison(
        id=comparison.id,
        question=comparison.question,
        value=comparison.value,
        arm=comparison.arm,
        than=comparison.than if isinstance(comparison.than, str) else f"{comparison.than:g}",
        rule=comparison.rule,
        margin=comparison.margin,
        unit=comparison.unit,
        scale=comparison.scale,
        primary=comparison.primary,
        effect=shown(math.fsum(known) / len(known)) if known else None,
        interval=None if estimate is None else _interval(estimate, shown),
        unpaired_interval=_unpaired(comparison, values, seeds),
        seeds=len(known),
        effects=tuple(None if one.value is None else shown(one.value) for one in effects),
        verdict="undecided" if answer is None else decided(answer.interval(), region),
        p=None if answer is None else p_value(answer, region),
        holm_p=None,
        holm_verdict=None,
        detectable=None if estimate is None else shown(detectable(estimate)),
        problem=unanswered or _to_know(effects, estimate),
        minus=comparison.minus,
    )


def _shown(comparison: Comparison) -> Callable[[float], float]:
    """What makes of a number, or of the logarithm of a ratio, what a reader is told."""
    return _from_logarithm if comparison.scale == "ratio" else float


def _from_logarithm(number: float) -> float:
    return math.exp(max(-LARGEST, min(number, LARGEST)))


def _interval(estimate: Estimate, shown: Callable[[float], float]) -> tuple[float, float]:
    low, high = estimate.interval()
    return shown(low), shown(high)


def _why_unanswered(
    effects: Sequence[Effect], seeds: Sequence[int], estimate: Estimate | None, region: Region
) -> str | None:
    """Why there is no verdict, whatever the interval: a seed that is left out may be the one that differs."""
    missing = why_missing(effects, seeds)
    if missing is not None or estimate is None:
        return missing or "one seed shows no spread: take at least two, better six"
    interval = estimate.interval()
    if stands(decided(interval, region), interval, region, effects):
        return None
    return f"{bounds_told(effects)}, which cannot decide this"


def _to_know(effects: Sequence[Effect], estimate: Estimate | None) -> str | None:
    if estimate is not None and not estimate.error and estimate.mean:
        return "the effect is the same in every seed, so that the interval shows no spread"
    return bounds_told(effects)


def _unpaired(comparison: Comparison, values: Values, seeds: Sequence[int]) -> tuple[float, float] | None:
    """The interval by Welch, as if arms had no seeds in common; None against a number, or where a seed is missing."""
    groups = []
    for sign, side in terms(comparison):
        numbers = [side_of(comparison, values, seed, side) for seed in seeds]
        known = [number for number in numbers if not isinstance(number, str)]
        if isinstance(side, float | int) or len(known) < max(2, len(seeds)):
            return None
        groups.append((sign, known))
    return _interval(of_groups(groups), _shown(comparison))
