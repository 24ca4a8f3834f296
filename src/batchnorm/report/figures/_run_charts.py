"""Which figures has a training?"""

from typing import Any

from ._chart import Chart


def run_charts(report: Any) -> tuple[Chart, ...]:
    """Return the charts of a training run: curves by epoch, confusion matrix, running against exact statistics.

    Args:
        report: a `records.RunReport`.
    """
    return ()
