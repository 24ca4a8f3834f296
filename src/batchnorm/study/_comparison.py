"""What is asked of two arms, and which answers count as yes? Both are fixed before the first run."""

import math
from dataclasses import dataclass

from ..errors import InputError
from ..records import Rule, Scale


@dataclass(frozen=True)
class Comparison:
    """A question about two arms with its rule and margin: `effect = value(arm) - value(than)`, seed by seed.

    The effect counts as found if its whole interval lies in the region of the rule, as refuted if none of it does, and
    otherwise the question stays undecided:

    ==============  =============================  ===========================================
    rule            region of a difference         region of a ratio
    ==============  =============================  ===========================================
    "greater"       above `margin`                 above `margin`
    "less"          below `-margin`                below `1 / margin`
    "equivalent"    from `-margin` to `margin`     from `1 / margin` to `margin`
    "not worse"     above `-margin`                above `1 / margin`
    ==============  =============================  ===========================================

    Args:
        id: names it within its claim.
        question: to which the rule is the answer yes.
        value: the measured value that is compared.
        arm: the name of an arm, or of one that `Claim.derive` makes.
        than: another one's, or a number that is expected.
        rule: see the table.
        margin: in `unit`; for a ratio a factor of at least 1.
        unit: of the effect: "points", "steps", "times" for a ratio.
        scale: "difference", or "ratio", whose logarithms are averaged; all values are then positive.
        minus: two arms whose effect is subtracted: an interaction.
        primary: whether it decides on the claim; the others qualify what is decided.

    Raises:
        InputError: a margin that is negative or not finite, or below 1 for a ratio.

    Example:
        >>> sooner = Comparison("sooner", "Fewer?", "steps", "batch", "none", "less", 1.0, "times", "ratio")
        >>> sooner.region()
        (-inf, 0.0)
    """

    id: str
    question: str
    value: str
    arm: str
    than: str | float
    rule: Rule
    margin: float
    unit: str
    scale: Scale = "difference"
    minus: tuple[str, str] | None = None
    primary: bool = True

    def __post_init__(self) -> None:
        least = 1 if self.scale == "ratio" else 0
        if not (math.isfinite(self.margin) and self.margin >= least):
            what = f"{self.scale} {self.id!r}: a finite margin of at least {least}"
            raise InputError(argument="margin", expected=what, got=str(self.margin))

    def region(self) -> tuple[float, float]:
        """Return between which values the effect counts as found; of a ratio its logarithm."""
        margin = math.log(self.margin) if self.scale == "ratio" else self.margin
        regions = {
            "greater": (margin, math.inf),
            "less": (-math.inf, -margin),
            "equivalent": (-margin, margin),
            "not worse": (-margin, math.inf),
        }
        low, high = regions[self.rule]
        return low + 0.0, high + 0.0  # no negative zeros

    def needs(self) -> tuple[str, ...]:
        """Return the names of the arms whose values it compares."""
        return (self.arm, *((self.than,) if isinstance(self.than, str) else ()), *(self.minus or ()))
