"""Which norms does a training freeze, and from which of its steps on?"""

import math
from dataclasses import dataclass
from fractions import Fraction

from ..errors import Fault, InputError, Setting

AFTER = "after:"
EXPECTED = "'after:0.8', or patterns of modules' names, such as 'layer1.*' or 'stem.norm,layer1.*'"


@dataclass(frozen=True)
class FreezeRule:
    """The statistics of the norms that `patterns` name stand still once `after` of the training's steps are done."""

    patterns: tuple[str, ...]
    after: Fraction

    @classmethod
    def of(cls, text: str) -> "FreezeRule":
        """Read the text of an option: a fraction of the steps for all norms, or names for the whole training.

        Raises:
            InputError: it is neither.

        Example:
            >>> FreezeRule.of("after:0.8")
            FreezeRule(patterns=('*',), after=Fraction(4, 5))
            >>> FreezeRule.of("stem.norm, layer1.*")
            FreezeRule(patterns=('stem.norm', 'layer1.*'), after=Fraction(0, 1))
        """
        if fault := unfit_freezing(text):
            raise InputError.of(fault)
        if text.startswith(AFTER):
            return cls(("*",), Fraction(text.removeprefix(AFTER)))
        return cls(tuple(pattern.strip() for pattern in text.split(",")), Fraction(0))

    def first_step(self, steps: int) -> int:
        """Return how many of `steps` steps are done when the statistics stop.

        Example:
            >>> FreezeRule.of("after:0.8").first_step(10), FreezeRule.of("after:0.8").first_step(11)
            (8, 9)
        """
        return math.ceil(self.after * steps)


def unfit_freezing(text: str) -> Fault | None:
    """Return what is wrong with the text of `freeze_norms`; `None` if nothing is.

    Example:
        >>> print(unfit_freezing("after:1.5").text())
        freeze_norms: 'after:1.5' is no time of a training; expected a fraction of its steps above 0 and below 1, ...
    """
    if text.startswith(AFTER):
        return None if _is_fraction(text.removeprefix(AFTER)) else _no_time(text)
    if all(pattern.strip() for pattern in text.split(",")):
        return None
    return Fault(argument="freeze_norms", expected=EXPECTED, got=repr(text))


def unfit_measurement(freeze_norms: str, recalibrate: str, ema_buffers: str) -> Fault | None:
    """Return why norms that are all frozen in the end leave nothing to measure; `None` if that is not asked for."""
    asked = {"recalibrate": recalibrate != "off", "ema_buffers": ema_buffers == "recalibrate"}
    argument = next((name for name, is_asked in asked.items() if is_asked), None)
    if argument is None or not freeze_norms.startswith(AFTER):
        return None
    return Fault(
        argument=argument,
        problem=(
            "would replace the statistics that ",
            Setting("freeze_norms", freeze_norms),
            " keeps, by which the weights are trained to the end",
        ),
        cure="Leave out one of the two, or recalibrate the run when it is finished.",
    )


def _is_fraction(text: str) -> bool:
    try:
        return 0 < float(text) < 1  # first of all: a fraction of 1e-999999999 would take its digits' memory
    except ValueError:
        return False


def _no_time(text: str) -> Fault:
    return Fault(
        argument="freeze_norms",
        problem=f"{text!r} is no time of a training",
        expected="a fraction of its steps above 0 and below 1, as in 'after:0.8'",
        got=repr(text.removeprefix(AFTER)),
        cure="Use '*' to freeze all norms from the first step.",
    )
