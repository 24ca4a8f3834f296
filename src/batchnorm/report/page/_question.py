"""What stands in a page about one question of a claim: effect, rule, verdict, and how much its seeds could find?"""

import re
from dataclasses import dataclass
from functools import cached_property

from ...records import StudyClaim, StudyComparison, asked_of
from ..figures import effect_svg
from ._effect_words import Effect, effect_words

_MINUS = re.compile(r"-(?=\d)")
_LONG = re.compile(r"\d+\.\d{3,}")
"""A number in a picture of 160 pixels that has more digits than these can show."""


@dataclass(frozen=True)
class Question:
    """A comparison of a claim, in words and as a picture."""

    claim: StudyClaim
    asked: StudyComparison

    @property
    def effect(self) -> Effect:
        """Its effect in words."""
        return effect_words(self.asked)

    @property
    def rule(self) -> str:
        """Where its effect was to lie."""
        return _MINUS.sub("\N{MINUS SIGN}", asked_of(self.asked))

    @cached_property
    def picture(self) -> str:
        """The effect as SVG, of the size of a word."""
        return _LONG.sub(lambda number: f"{float(number[0]):.4g}", effect_svg(self.claim, self.asked))

    @property
    def detectable(self) -> str:
        """How far beyond the margin an effect must lie to be found in 80 % of such studies; empty if not known."""
        if self.asked.detectable is None:
            return ""
        return f"{self.asked.detectable:.3g} {'times' if self.asked.scale == 'ratio' else self.asked.unit}"

    @property
    def problem(self) -> str:
        """What stands against an answer, or against trusting it, as a sentence; empty if nothing does."""
        problem = (self.asked.problem or "").rstrip(".")
        return f"{problem[:1].upper()}{problem[1:]}." if problem else ""
