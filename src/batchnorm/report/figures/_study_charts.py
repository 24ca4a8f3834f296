"""Which figures has a claim?"""

from collections.abc import Sequence
from typing import Any

from ._chart import Chart


def study_charts(claim: Any, runs: Sequence[Any]) -> tuple[Chart, ...]:
    """Return a chart for each of a claim's figures of which there is something to draw, the first one first.

    Args:
        claim: a `records.StudyClaim`.
        runs: its `records.StudyRun`s, those of searches among them, which are left out.
    """
    return ()
