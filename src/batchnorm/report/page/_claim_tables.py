"""Which numbers stand in a claim's part of a page, as tables?"""

from collections.abc import Iterable, Mapping, Sequence
from statistics import mean, stdev

from ...records import StudyClaim, StudyComparison, StudyRun, effect_text
from ...tables import NONE, Cell, Column, Mark, Table
from ._rule_words import rule_text

_MARKS: dict[str, Mark] = {"supported": "good", "not supported": "bad", "undecided": "faint"}
_ROOM = 7
"""Values that have a column; more would not be read, and the records in the page have all."""

Numbers = Sequence[float | None]


def comparisons_table(claim: StudyClaim) -> Table:
    """Return what was asked: effect, interval, the rule fixed before the runs, the verdict, also by Holm's."""
    columns = (
        Column("question", "left", wrap=True),
        Column("effect [95 % interval]", "left"),
        Column("rule, fixed before", "left"),
        Column("seeds"),
        Column("verdict", "left"),
        Column("by Holm", "left"),
        Column("found at 80 %"),
    )
    return Table(columns, tuple(_comparison_row(one) for one in claim.comparisons), "What was asked", _notes(claim))


def _comparison_row(one: StudyComparison) -> tuple[Cell | str, ...]:
    detectable = NONE if one.detectable is None else f"{one.detectable:.3g}{' ×' if one.scale == 'ratio' else ''}"
    return (
        f"{one.question}{'' if one.primary else ' (beside)'}",
        effect_text(one.effect, one.interval, one.unit),
        rule_text(one),
        str(one.seeds),
        Cell(one.verdict, _MARKS[one.verdict]),
        NONE if one.holm_verdict is None else Cell(one.holm_verdict, _MARKS[one.holm_verdict]),
        detectable,
    )


def _notes(claim: StudyClaim) -> tuple[str, ...]:
    problems = tuple(f"{one.question} {one.problem}" for one in claim.comparisons if one.problem)
    if any(not one.primary for one in claim.comparisons):
        problems = ("(beside): does not make the verdict, but may qualify it.", *problems)
    power = "Found at 80 %: how far beyond the margin an effect must lie to be found in 80 % of such studies."
    return (power, *problems)


def values_table(claim: StudyClaim, runs: Sequence[StudyRun]) -> Table:
    """Return mean and standard deviation over seeds of what was measured, an arm in each row, made arms at the end."""
    judged = [run for run in runs if not run.searching]
    measured = {arm.name: _by_name(run.values for run in judged if run.arm == arm.name) for arm in claim.arms}
    rows = {**measured, **{arm: dict(values) for arm, values in claim.derived.items() if arm not in measured}}
    names = _names(claim, rows)
    columns = (Column("arm", "left"), *(Column(name) for name in names), Column("runs"), Column("ended", "left"))
    body = tuple(
        (arm, *(_spread(values.get(name, ())) for name in names), *_ended(arm, judged)) for arm, values in rows.items()
    )
    return Table(columns, body, "What was measured", ("Mean ± standard deviation over seeds.",))


def _by_name(measured: Iterable[Mapping[str, float | None]]) -> dict[str, list[float | None]]:
    values: dict[str, list[float | None]] = {}
    for one in measured:
        for name, value in one.items():
            values.setdefault(name, []).append(value)
    return values


def _names(claim: StudyClaim, rows: Mapping[str, Mapping[str, Numbers]]) -> tuple[str, ...]:
    """The values of which there is something to be seen, those that are compared first."""
    compared = (one.value for one in claim.comparisons)
    drawn = (figure.value for figure in claim.figures)
    there = dict.fromkeys(name for values in rows.values() for name in values)
    return tuple(name for name in dict.fromkeys((*compared, *drawn, *there)) if name in there)[:_ROOM]


def _spread(values: Numbers) -> str:
    found = [value for value in values if value is not None]
    if not found:
        return NONE
    middle = f"{mean(found):.4g}"
    return middle if len(found) < 2 else f"{middle} ± {stdev(found):.2g}"


def _ended(arm: str, runs: Sequence[StudyRun]) -> tuple[Cell | str, ...]:
    own = [run for run in runs if run.arm == arm]
    if not own:
        return NONE, "made of other arms'"
    odd = [f"{count} {kind}" for kind in ("diverged", "crashed") if (count := sum(run.status == kind for run in own))]
    return str(len(own)), Cell(", ".join(odd), "warning") if odd else "done"
