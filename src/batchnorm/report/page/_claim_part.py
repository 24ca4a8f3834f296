"""What stands in the part of a page that is about one claim?"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from ...records import StudyClaim, StudyComparison, StudyRun
from ...tables import Table
from ..figures import Chart, effect_svg, study_charts
from ._claim_tables import comparisons_table, values_table
from ._effect_words import Effect, effect_words
from ._rule_words import rule_text


@dataclass(frozen=True)
class ClaimPart:
    """A claim, its runs, and its number in the study."""

    number: int
    claim: StudyClaim
    runs: Sequence[StudyRun]

    @property
    def headline(self) -> StudyComparison:
        """The comparison whose effect stands for the claim."""
        return self.claim.headline

    @property
    def effect(self) -> Effect:
        """Its effect in words."""
        return effect_words(self.headline)

    @property
    def rule(self) -> str:
        """Where its effect was to lie."""
        return rule_text(self.headline)

    @property
    def advice(self) -> str:
        """What the reader should do, now that the verdict is known."""
        return str(getattr(self.claim.advice, self.claim.verdict.replace(" ", "_")))

    @property
    def small_picture(self) -> str:
        """The effect as SVG, of the size of a word."""
        return effect_svg(self.claim)

    @cached_property
    def charts(self) -> tuple[Chart, ...]:
        """Its figures."""
        return study_charts(self.claim, self.runs)

    @property
    def comparisons(self) -> Table:
        """What was asked, and what the runs answer."""
        return comparisons_table(self.claim)

    @property
    def values(self) -> Table:
        """What was measured, by arm."""
        return values_table(self.claim, self.runs)

    @property
    def ended(self) -> str:
        """How many runs there are, and how many did not end well."""
        odd = ((self.claim.diverged, "diverged"), (self.claim.crashed, "crashed"))
        return ", ".join((f"{self.claim.runs} runs", *(f"{count} {how}" for count, how in odd if count)))
