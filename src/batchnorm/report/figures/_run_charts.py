"""Which figures has a training?"""

from typing import TYPE_CHECKING

from ...records import RunReport
from ._chart import Chart
from ._missing import needed

if TYPE_CHECKING:
    from ._drawing import Drawing


def run_charts(report: RunReport) -> tuple[Chart, ...]:
    """Return the charts of a trained run: its epochs, its confusion matrix, and its running against exact statistics.

    Args:
        report: what was gathered of it; what is not in it has no chart.

    Raises:
        ImportError: altair is not installed.
    """
    needed("altair", "altair")
    from ._confusion_map import confusion_map
    from ._epochs import epochs
    from ._stale_norms import stale_norms

    found: list[tuple[str, str, Drawing | None]] = [
        ("epochs", "How the training went", None if report.history is None else epochs(report.history)),
        ("confusion", "Which classes are taken for which", confusion_map(report.evaluation.running)),
        (
            "statistics",
            "Running against exact statistics",
            None if report.statistics is None else stale_norms(report.statistics),
        ),
    ]
    return tuple(
        Chart(name, title, one.words, one.spec(), one.numbers(), one.legend, one.notes)
        for name, title, one in found
        if one is not None
    )
