"""What do runs of a study come to, in cells?"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ..tables import NONE, Cell, Column, Mark, Table

if TYPE_CHECKING:
    from ._study_run import StudyRun

_MARKS: dict[str, Mark] = {"done": "", "diverged": "warning", "crashed": "bad"}


def runs_table(runs: "Sequence[StudyRun]", title: str = "") -> Table:
    """Return a row per run: arm, seed, how it ended, and a column for every value that any of them has."""
    names = tuple(dict.fromkeys(name for run in runs for name in run.values))
    columns = (
        Column("arm", "left"),
        Column("seed"),
        *(Column(name, drop=1 + number) for number, name in enumerate(names)),
        Column("ended", "left"),
        Column("why", "left", wrap=True),
    )
    return Table(columns, tuple(_row(run, names) for run in runs), title)


def _row(run: "StudyRun", names: tuple[str, ...]) -> tuple[Cell | str, ...]:
    ended = "searching" if run.searching and run.status == "done" else run.status
    numbers = (_number(run.values.get(name)) for name in names)
    return (run.arm, str(run.seed), *numbers, Cell(ended, _MARKS[run.status]), run.reason or "")


def _number(value: float | None) -> str:
    return NONE if value is None else f"{value:.5g}"
