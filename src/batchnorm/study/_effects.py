"""What is the effect of one seed, arm less the other one, and is it exact or a bound?"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from ._comparison import Comparison
from ._values import Values

Bound = Literal["exact", "at least", "at most"]
"""What a number says of the effect: of steps that never arrived only the last one is known, and so a bound."""

LARGEST = 1e300
"""Of larger numbers some interval has ends that no float can hold."""

Term = tuple[int, str | float]
"""A sign, and the arm, or the number, that has it."""


@dataclass(frozen=True)
class Effect:
    """The effect of one seed, of ratios its logarithm; None with the reason where there is none."""

    value: float | None
    bound: Bound = "exact"
    why_none: str = ""


def terms(comparison: Comparison) -> tuple[Term, ...]:
    """Return what is added and subtracted.

    Example:
        >>> terms(Comparison("c", "?", "accuracy", "a", "b", "greater", 0.0, "points", minus=("c", "d")))
        ((1, 'a'), (-1, 'b'), (-1, 'c'), (1, 'd'))
    """
    more: tuple[Term, ...] = () if comparison.minus is None else ((-1, comparison.minus[0]), (1, comparison.minus[1]))
    return ((1, comparison.arm), (-1, comparison.than), *more)


def effect(comparison: Comparison, values: Values, seed: int) -> Effect:
    """Return the effect of one seed."""
    total, bounds = 0.0, set[Bound]()
    for sign, side in terms(comparison):
        number = side_of(comparison, values, seed, side)
        if isinstance(number, str):
            return Effect(None, why_none=number)
        total += sign * number
        if isinstance(side, str) and values.is_bound(side, seed, comparison.value):
            bounds.add("at least" if sign > 0 else "at most")
    if len(bounds) > 1:
        return Effect(None, why_none=f"{comparison.value!r} of both sides is only a lower bound")
    return Effect(total, *bounds)


def side_of(comparison: Comparison, values: Values, seed: int, side: str | float) -> float | str:
    """Return the number of one side, of ratios its logarithm, or why there is none."""
    number = values.number(side, seed, comparison.value) if isinstance(side, str) else side
    if isinstance(number, str):
        return number
    if abs(number) > LARGEST:
        return f"{comparison.value!r} of {side!r} is {number:.3g}, which is too large to be averaged"
    if comparison.scale == "difference":
        return number
    if number <= 0:
        return f"{comparison.value!r} of {side!r} is {number:.3g}, and a ratio needs numbers above 0"
    return math.log(number)


def why_missing(effects: Sequence[Effect], seeds: Sequence[int]) -> str | None:
    """Return which seeds have no effect, and why the first of them has none.

    Example:
        >>> why_missing([Effect(0.5), Effect(None, why_none="'plain' crashed")], seeds=(0, 1))
        "no effect of seed 1: 'plain' crashed"
        >>> why_missing([Effect(0.5)], seeds=(0,))
    """
    missing = [(seed, one.why_none) for seed, one in zip(seeds, effects, strict=True) if one.value is None]
    if not missing:
        return None
    which = (
        f"any of {len(seeds)} seeds" if 1 < len(missing) == len(seeds) else f"seed {_listed([s for s, _ in missing])}"
    )
    return f"no effect of {which}: {missing[0][1]}"


def _listed(seeds: Sequence[int]) -> str:
    return ", ".join(map(str, seeds))
