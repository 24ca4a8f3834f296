"""What stands in the part of a page that is about one claim?"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from ...records import StudyClaim, StudyRun
from ...tables import Table, counted
from ..figures import Chart, study_charts
from ._question import Question
from ._values_table import values_table


@dataclass(frozen=True)
class ClaimPart:
    """A claim, its runs, and its number in the study."""

    number: int
    claim: StudyClaim
    runs: Sequence[StudyRun]

    @cached_property
    def questions(self) -> list[Question]:
        """All that was asked, in the claim's order."""
        return [Question(self.claim, one) for one in self.claim.comparisons]

    @property
    def headline(self) -> Question:
        """The question whose effect stands for the claim."""
        return next(one for one in self.questions if one.asked == self.claim.headline)

    @property
    def primaries(self) -> int:
        """How many questions make the verdict."""
        return sum(one.asked.primary for one in self.questions)

    @property
    def advice(self) -> str:
        """What the reader should do, now that the verdict is known."""
        return str(getattr(self.claim.advice, self.claim.verdict.replace(" ", "_")))

    @cached_property
    def charts(self) -> tuple[Chart, ...]:
        """Its figures."""
        return study_charts(self.claim, self.runs)

    @cached_property
    def values(self) -> Table:
        """What was measured, by arm."""
        return values_table(self.claim, self.runs)

    @property
    def ended(self) -> str:
        """How many runs there are, and how many did not end well."""
        odd = ((self.claim.diverged, "diverged"), (self.claim.crashed, "crashed"))
        return ", ".join((counted(self.claim.runs, "run"), *(f"{count} {how}" for count, how in odd if count)))
