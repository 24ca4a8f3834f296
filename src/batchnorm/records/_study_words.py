"""How are a verdict and an effect put into words?"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ..tables import NONE, counted

if TYPE_CHECKING:
    from ._study import Study
    from ._study_claim import StudyClaim

VERDICTS = ("supported", "not supported", "undecided")
"""All that there are, in the order in which they are told."""


def effect_text(effect: float | None, interval: Sequence[float] | None, unit: str) -> str:
    """Return an effect with its interval and unit, with as many decimals as the interval's width is worth.

    Example:
        >>> effect_text(2.3456, (1.81, 2.88), "points")
        '2.3 [1.8, 2.9] points'
        >>> effect_text(12345.6, None, "steps"), effect_text(None, None, "steps")
        ('12346 steps', '–')
    """
    if effect is None:
        return NONE
    places = _places(effect, interval)
    between = "" if interval is None else f" [{', '.join(_decimal(one, places) for one in interval)}]"
    return f"{_decimal(effect, places)}{between} {unit}".rstrip()


def _places(effect: float, interval: Sequence[float] | None) -> int:
    """The decimals that show two digits of the interval's width, or three of a number without one."""
    width = abs(effect) / 10 if interval is None else interval[1] - interval[0]
    return next((places for places in range(6) if width * 10**places >= 9.5), 6) if width else 3


def _decimal(value: float, places: int) -> str:
    return f"{round(value, places) + 0.0:.{places}f}"  # no minus before a zero


def claim_summary(claim: "StudyClaim") -> str:
    """Return one line: the verdict, the effect with its interval, and of how many seeds."""
    head = claim.headline
    effect = effect_text(head.effect, head.interval, head.unit)
    return f"{claim.title}: {verdict_text(claim)} ({effect}, {counted(head.seeds, 'seed')})"


def verdict_text(claim: "StudyClaim") -> str:
    """Return the verdict in words, with what a comparison that is not primary says against it."""
    return f"{claim.verdict}, qualified" if claim.qualified else claim.verdict


def study_summary(study: "Study") -> str:
    """Return one line: how many claims have which verdict."""
    counts = [(sum(one.verdict == verdict for one in study.claims), verdict) for verdict in VERDICTS]
    told = ", ".join(f"{count} {verdict}" for count, verdict in counts if count)
    return f"{counted(len(study.claims), 'claim')}: {told}" if told else "no claims"
