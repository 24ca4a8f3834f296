"""What do a study and its claims come to, in cells?"""

from typing import TYPE_CHECKING

from ..tables import NONE, Cell, Column, Mark, Table
from ._study_words import (
    advice_text,
    asked_of,
    claim_summary,
    effect_text,
    power_text,
    study_summary,
    verdict_text,
)

if TYPE_CHECKING:
    from ._study import Study
    from ._study_claim import StudyClaim, StudyComparison

VERDICT_MARKS: dict[str, Mark] = {"supported": "good", "not supported": "bad", "undecided": "warning"}


def claims_table(study: "Study") -> Table:
    """Return a row per claim: its verdict, the effect of its headline with the interval, and what was asked of that."""
    columns = (
        Column("claim", "left"),
        Column("verdict", "left"),
        Column("effect [95 %]", "left"),
        Column("asked", "left", drop=2),
        Column("seeds", drop=3),
        Column("by Holm", "left", drop=4),
        Column("of the claim", "left", drop=5),
    )
    return Table(columns, tuple(_claim_row(claim) for claim in study.claims), study_summary(study), study.notes)


def _claim_row(claim: "StudyClaim") -> tuple[Cell | str, ...]:
    head = claim.headline
    effect = effect_text(head.effect, head.interval, head.unit)
    holm = Cell(claim.holm_verdict, VERDICT_MARKS[claim.holm_verdict])
    verdict = Cell(verdict_text(claim), VERDICT_MARKS[claim.verdict])
    return (claim.id, verdict, effect, asked_of(head), str(head.seeds), holm, claim.title)


def comparisons_table(claim: "StudyClaim") -> Table:
    """Return a row per comparison, what was asked and what the runs answer; below, what to know and to do."""
    columns = (
        Column("question", "left", wrap=True),
        Column("verdict", "left"),
        Column("effect [95 %]", "left"),
        Column("asked", "left", drop=1),
        Column("seeds", drop=3),
        Column("by Holm", "left", drop=4),
    )
    rows = tuple(_comparison_row(one) for one in claim.comparisons)
    return Table(columns, rows, claim_summary(claim), tuple(_lines(claim)))


def _comparison_row(one: "StudyComparison") -> tuple[Cell | str, ...]:
    question = one.question if one.primary else f"{one.question} (beside)"
    holm = NONE if one.holm_verdict is None else Cell(one.holm_verdict, VERDICT_MARKS[one.holm_verdict])
    verdict = Cell(one.verdict, VERDICT_MARKS[one.verdict])
    effect = effect_text(one.effect, one.interval, one.unit)
    return (question, verdict, effect, asked_of(one), str(one.seeds), holm)


def _lines(claim: "StudyClaim") -> list[str]:
    """What a reader needs beside the numbers: how much they can find, what stands against them, and what to do."""
    problems = [f"note: {one.id}: {one.problem}" for one in claim.comparisons if one.problem is not None]
    notes = [f"note: {note}" for note in claim.notes]
    power = power_text(claim.headline)
    again = [f"again: {claim.command}"] if claim.command else []
    return [*([power] if power else []), *problems, *notes, advice_text(claim), *again]


def arms_table(claim: "StudyClaim") -> Table:
    """Return a row per arm, with its options; in brackets what a search has found for it."""
    found = {(one.arm, one.option): f" ({one.value:g})" for one in claim.found}
    rows = tuple(
        (arm.name, ", ".join(f"{name} {value}{found.get((arm.name, name), '')}" for name, value in arm.options.items()))
        for arm in claim.arms
    )
    return Table((Column("arm", "left"), Column("options", "left", wrap=True)), rows)
