"""What do a study and its claims come to, in cells?"""

from typing import TYPE_CHECKING

from ..tables import Cell, Column, Mark, Table
from ._study_words import claim_summary, effect_text, study_summary, verdict_text

if TYPE_CHECKING:
    from ._study import Study
    from ._study_claim import StudyClaim, StudyComparison

_MARKS: dict[str, Mark] = {"supported": "good", "not supported": "bad", "undecided": "warning"}


def claims_table(study: "Study") -> Table:
    """Return a row per claim: its verdict, and the effect of its headline with the interval."""
    columns = (Column("claim", "left"), Column("verdict", "left"), Column("effect", "left"), Column("seeds", drop=1))
    return Table(columns, tuple(_claim_row(claim) for claim in study.claims), study_summary(study))


def _claim_row(claim: "StudyClaim") -> tuple[Cell | str, ...]:
    head = claim.headline
    verdict = Cell(verdict_text(claim), _MARKS[claim.verdict])
    return (claim.id, verdict, effect_text(head.effect, head.interval, head.unit), str(head.seeds))


def comparisons_table(claim: "StudyClaim") -> Table:
    """Return a row per comparison: what was asked, and what the runs answer."""
    columns = (Column("question", "left", wrap=True), Column("verdict", "left"), Column("effect", "left"))
    return Table(columns, tuple(_comparison_row(one) for one in claim.comparisons), claim_summary(claim), claim.notes)


def _comparison_row(one: "StudyComparison") -> tuple[Cell | str, ...]:
    return (one.question, Cell(one.verdict, _MARKS[one.verdict]), effect_text(one.effect, one.interval, one.unit))


def arms_table(claim: "StudyClaim") -> Table:
    """Return a row per arm, with its options."""
    rows = tuple((arm.name, ", ".join(f"{name} {value}" for name, value in arm.options.items())) for arm in claim.arms)
    return Table((Column("arm", "left"), Column("options", "left", wrap=True)), rows)
