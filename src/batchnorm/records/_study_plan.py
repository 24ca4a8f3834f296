"""What was fixed before the first run of a study?"""

from dataclasses import dataclass
from typing import ClassVar

from ..tables import Column, Table
from ._plain import Plain
from ._shown import Shown
from ._study_claim import Rule, Scale, StudyArm


@dataclass(frozen=True, slots=True)
class PlannedComparison:
    """A question with its rule and margin, as `study.Comparison` has it; an expected number is text in `than`."""

    id: str
    question: str
    value: str
    arm: str
    than: str
    rule: Rule
    margin: float
    unit: str
    scale: Scale
    primary: bool
    minus: tuple[str, str] | None = None


@dataclass(frozen=True, slots=True)
class PlannedClaim:
    """What of a claim was fixed.

    Attributes:
        id: the claim's.
        version: the claim's.
        file: of the user's, where the claim is his own.
        digest: SHA-256 of that file's text.
        statement: what is claimed.
        scope: how many images and epochs a run has, and further numbers of the claim's own.
        seeds: of every arm.
        arms: what is run.
        search: how the arms' own options are found; None: none is.
        comparisons: the rules.
    """

    id: str
    version: int
    file: str | None
    digest: str | None
    statement: str
    scope: dict[str, Plain]
    seeds: tuple[int, ...]
    arms: tuple[StudyArm, ...]
    search: dict[str, Plain] | None
    comparisons: tuple[PlannedComparison, ...]


@dataclass(frozen=True, slots=True, repr=False)
class StudyPlan(Shown):
    """What a study's verdicts will rest on: `plan.json` in its folder, written before the first run.

    Attributes:
        budget: `"quick"`, `"standard"` or `"thorough"`.
        data: which data set.
        data_digest: of its images and labels.
        model: the net in the place of each claim's own; None: the claim's own.
        model_digest: of the file that makes it, where it is the user's.
        device: where nets are trained.
        seeds: how many of each arm were asked for; None: as many as the budget says.
        versions: of batchnorm and torch.
        claims: with their rules.
    """

    VERSION: ClassVar[int] = 1

    budget: str
    data: str
    data_digest: str
    model: str | None
    model_digest: str | None
    device: str
    seeds: int | None
    versions: dict[str, str]
    claims: tuple[PlannedClaim, ...]

    def tables(self) -> dict[str, Table]:
        """Return `"rules"`: a row for each comparison."""
        columns = (
            Column("claim", "left"),
            Column("question", "left", wrap=True),
            Column("rule", "left"),
            Column("margin"),
            Column("unit", "left"),
        )
        rows = tuple(
            (claim.id, one.question, one.rule, f"{one.margin:g}", one.unit)
            for claim in self.claims
            for one in claim.comparisons
        )
        return {"rules": Table(columns, rows)}
