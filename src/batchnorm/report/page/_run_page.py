"""How did a training go, and what does its net take for what? One HTML file."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from ...records import RunReport, to_json
from ...tables import Table
from ..figures import run_charts
from ._fitted import write_page
from ._template import written_json

_TITLES = {
    "modes": "By whose statistics",
    "classes": "Every class",
    "epochs": "Every epoch",
    "norms": "Running against exact statistics, norm by norm",
}
"""The tables that a page shows, of those that a record has; the first stands open."""


def run_page(report: RunReport, path: Path | str) -> None:
    """Write the report of a training run: one HTML file of at most 2 MB that needs no network.

    It shows the epochs, the confusion matrix, the running statistics against exact ones, and what the model says of
    some test images. The record is inside as JSON; if it is too large, it lacks the images, which the page then says.

    Args:
        report: what `batchnorm.runs.report_of_run` gathered.
        path: the file; it appears whole or not at all.

    Raises:
        ImportError: what `batchnorm[report]` brings is not installed.
        OSError: the file cannot be written.
    """
    charts = run_charts(report)
    write_page(
        path,
        "run.html",
        charts,
        _records(report),
        report=report,
        name=Path(report.run).name or report.run,
        scores=report.evaluation.running,
        shown=charts,
        tables=_tables(report),
    )


def _tables(report: RunReport) -> list[tuple[str, Table]]:
    there = report.tables()
    return [(title, there[name]) for name, title in _TITLES.items() if name in there]


def _records(report: RunReport) -> Iterator[tuple[dict[str, str], str]]:
    yield {"run": written_json(to_json(report))}, ""
    without = replace(report, samples=tuple(replace(one, png="") for one in report.samples))
    yield {"run": written_json(to_json(without))}, "It lacks the images, which are shown above."
