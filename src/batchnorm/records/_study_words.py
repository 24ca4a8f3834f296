"""How are an effect, a rule and a verdict put into words?"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ..tables import NONE, counted
from ._study_numbers import decimal, figures, places

if TYPE_CHECKING:
    from ._study import Study
    from ._study_claim import Rule, Scale, StudyClaim, StudyComparison

VERDICTS = ("supported", "not supported", "undecided")
"""All that there are, in the order in which they are told."""

_SINGULAR = {"points": "point", "steps": "step", "seconds": "second", "epochs": "epoch"}


def effect_text(effect: float | None, interval: Sequence[float] | None, unit: str) -> str:
    """Return an effect with its interval and unit, with as many decimals as the interval's width is worth.

    Example:
        >>> effect_text(2.3456, (1.81, 2.88), "points"), effect_text(0.02, (0.0004, 12.0), "times")
        ('2.3 [1.8, 2.9] points', '0.020 [0.00040, 12] times')
        >>> effect_text(12345.6, None, "steps"), effect_text(None, None, "steps")
        ('12346 steps', '–')
    """
    if effect is None:
        return NONE
    if interval is None:
        return f"{figures(effect, 3)} {unit}".rstrip()
    low, high = interval
    if 0 < 10 * low < high:  # a ratio that may be one of several powers of ten
        numbers = [figures(one, 2) for one in (effect, low, high)]
    else:
        shown = places(high - low or abs(effect) / 10, 2)
        numbers = [decimal(one, shown) for one in (effect, low, high)]
    return f"{numbers[0]} [{numbers[1]}, {numbers[2]}] {unit}".rstrip()


def region_text(rule: "Rule", margin: float, unit: str, scale: "Scale" = "difference") -> str:
    """Return where an effect has to lie.

    Example:
        >>> region_text("greater", 1.5, "points"), region_text("equivalent", 1.0, "points")
        ('above 1.5 points', 'within ±1 point')
        >>> region_text("less", 1.5, "times", "ratio"), region_text("equivalent", 1.25, "times", "ratio")
        ('below 0.667 times', 'from 0.8 to 1.25 times')
    """
    unit = _SINGULAR.get(unit, unit) if margin == 1 and scale == "difference" else unit
    other = 1 / margin if scale == "ratio" else -margin + 0.0
    if rule == "equivalent":
        between = f"from {other:.3g} to {margin:.3g}" if scale == "ratio" else f"within ±{margin:.3g}"
        return f"{between} {unit}".rstrip()
    where = {"greater": f"above {margin:.3g}", "less": f"below {other:.3g}", "not worse": f"above {other:.3g}"}
    return f"{where[rule]} {unit}".rstrip()


def asked_of(one: "StudyComparison") -> str:
    """Return where the effect of a comparison has to lie."""
    return region_text(one.rule, one.margin, one.unit, one.scale)


def verdict_text(claim: "StudyClaim") -> str:
    """Return the verdict in words, with what a comparison that is not primary says against it."""
    return f"{claim.verdict}, qualified" if claim.qualified else claim.verdict


def claim_summary(claim: "StudyClaim") -> str:
    """Return one line: the verdict, the effect with its interval, and of how many seeds."""
    head = claim.headline
    effect = effect_text(head.effect, head.interval, head.unit)
    return f"{claim.title}: {verdict_text(claim)} ({effect}, {counted(head.seeds, 'seed')})"


def answer_text(one: "StudyComparison") -> str:
    """Return what a comparison answers, in a sentence: the verdict, and the effect beside what was asked of it."""
    if one.effect is None or one.interval is None:
        return f"Undecided: {one.problem}."
    effect = effect_text(one.effect, one.interval, one.unit)
    lies = {"supported": "lies", "not supported": "does not lie", "undecided": "may or may not lie"}[one.verdict]
    told = f"{one.verdict.capitalize()}: {effect} {lies} {asked_of(one)} ({counted(one.seeds, 'seed')})."
    return told if one.problem is None else f"{told} Note: {one.problem}."


def power_text(one: "StudyComparison") -> str:
    """Return what so many seeds can find, in a sentence; nothing where the spread is not known."""
    if not one.detectable:
        return ""
    found = f"With {counted(one.seeds, 'seed')} and this spread, 80 % of studies find an effect"
    if one.scale == "ratio":
        return f"{found} that lies beyond the margin by a factor of {figures(one.detectable, 3)}."
    return f"{found} that lies {figures(one.detectable, 2)} {one.unit} beyond the margin."


def advice_text(claim: "StudyClaim") -> str:
    """Return what a reader should do, by the verdict."""
    advice = claim.advice
    return {
        "supported": advice.supported,
        "not supported": advice.not_supported,
        "undecided": advice.undecided,
    }[claim.verdict]


def study_summary(study: "Study") -> str:
    """Return one line: how many claims have which verdict."""
    counts = [(sum(one.verdict == verdict for one in study.claims), verdict) for verdict in VERDICTS]
    told = ", ".join(f"{count} {verdict}" for count, verdict in counts if count)
    return f"{counted(len(study.claims), 'claim')}: {told}" if told else "no claims"
