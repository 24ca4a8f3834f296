"""What was measured for a claim, arm by arm, as a table?"""

from collections.abc import Iterable, Mapping, Sequence

from ...records import StudyClaim, StudyRun, mean_text
from ...tables import NONE, Cell, Column, Table

_ROOM = 7
"""Values that have a column; more would not be read, and the records in the page have all."""

Numbers = Sequence[float | None]


def values_table(claim: StudyClaim, runs: Sequence[StudyRun]) -> Table:
    """Return mean and standard deviation over seeds of what was measured, an arm in each row, computed ones last."""
    judged = [run for run in runs if not run.searching]
    rows: dict[str, Mapping[str, Numbers]] = {
        arm.name: _by_name(run.values for run in judged if run.arm == arm.name) for arm in claim.arms
    }
    rows |= {arm: values for arm, values in claim.derived.items() if arm not in rows}
    names = _names(claim, rows)
    columns = (Column("arm", "left"), *(Column(name) for name in names), Column("runs"), Column("ended", "left"))
    body = tuple(
        (arm, *(mean_text(values.get(name, ())) for name in names), *_ended(arm, judged))
        for arm, values in rows.items()
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


def _ended(arm: str, runs: Sequence[StudyRun]) -> tuple[Cell | str, ...]:
    own = [run for run in runs if run.arm == arm]
    if not own:
        return NONE, "computed from other arms"
    odd = [f"{count} {kind}" for kind in ("diverged", "crashed") if (count := sum(run.status == kind for run in own))]
    return str(len(own)), Cell(", ".join(odd), "warning") if odd else "done"
