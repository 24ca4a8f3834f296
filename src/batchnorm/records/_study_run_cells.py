"""What do runs of a study come to, in cells?"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ..tables import NONE, Cell, Column, Mark, Table
from ._study_numbers import decimal, figures, places

if TYPE_CHECKING:
    from ._study_run import Status, StudyRun

_MARKS: "dict[Status, Mark]" = {"done": "", "diverged": "warning", "crashed": "bad"}


def runs_table(runs: "Sequence[StudyRun]", title: str = "") -> Table:
    """Return a row per run: arm, seed, how it ended, and a column for every value that any of them has."""
    names = tuple(dict.fromkeys(name for run in runs for name in run.values))
    columns = (
        Column("arm", "left"),
        Column("seed"),
        *(Column(name, drop=1 + number) for number, name in enumerate(names)),
        Column("options", "left", drop=1 + len(names), wrap=True),
        Column("ended", "left"),
        Column("why", "left", wrap=True),
    )
    return Table(columns, tuple(_row(run, names) for run in runs), title)


def _row(run: "StudyRun", names: tuple[str, ...]) -> tuple[Cell | str, ...]:
    ended = "searching" if run.searching and run.status == "done" else run.status
    numbers = (_number(run.values.get(name)) for name in names)
    options = ", ".join(f"{name} {value}" for name, value in run.options.items())
    return (run.arm, str(run.seed), *numbers, options, Cell(ended, _MARKS[run.status]), run.reason or "")


def _number(value: float | None) -> str:
    return NONE if value is None else figures(value, 5)


def values_table(runs: "Sequence[StudyRun]", title: str = "") -> Table:
    """Return a row per arm: of every value the mean over the seeds, with the standard deviation of a run."""
    counted = [run for run in runs if not run.searching]
    names = tuple(dict.fromkeys(name for run in counted for name in run.values))
    columns = (
        Column("arm", "left"),
        *(Column(name, drop=1 + number) for number, name in enumerate(names)),
        Column("runs"),
        Column("diverged"),
        Column("crashed", drop=1 + len(names)),
    )
    arms = dict.fromkeys(run.arm for run in counted)
    rows = tuple(_arm_row(arm, [run for run in counted if run.arm == arm], names) for arm in arms)
    return Table(columns, rows, title, ("means over seeds ± the standard deviation of a run",))


def _arm_row(arm: str, runs: "Sequence[StudyRun]", names: tuple[str, ...]) -> tuple[Cell | str, ...]:
    ends = [run.status for run in runs]
    marked = (Cell(str(ends.count(end)), mark if end in ends else "") for end, mark in _MARKS.items() if mark)
    return (arm, *(mean_text([run.values.get(name) for run in runs]) for name in names), str(len(runs)), *marked)


def mean_text(values: "Sequence[float | None]") -> str:
    """Return the mean over the seeds that have a value, and their standard deviation.

    Example:
        >>> mean_text([1.0, None, 3.0]), mean_text([2.5]), mean_text([None])
        ('2.0 ± 1.4', '2.500', '–')
    """
    from statistics import fmean, stdev  # not before they are needed: they bring fractions and decimals along

    known = [value for value in values if value is not None]
    if not known:
        return NONE
    if len(known) == 1 or not stdev(known):
        return figures(fmean(known), 4)
    shown = places(stdev(known), 2)
    return f"{decimal(fmean(known), shown)} ± {decimal(stdev(known), shown)}"
