"""Who draws the picture that a record is asked for? `report`, which nothing opens before a picture is wanted.

The one file of this folder that looks upwards: `report` makes pictures of records, and a record is where its owner asks
for one. Inside functions only, so that importing never goes in a circle, nor reads what draws.
"""

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ._benchmark import Benchmark
    from ._history import RunHistory
    from ._lr_range_test import LRRangeTest
    from ._recalibration import Recalibration
    from ._training import Scores
    from ._wiring import WiringRecord


def draw_drift(record: "Recalibration", path: Path | str) -> None:
    """Draw how far each norm's statistics were off; what is raised is said at `report.drift_chart`."""
    from ..report import drift_chart

    drift_chart(record, path)


def draw_confusion(scores: "Scores", path: Path | str) -> None:
    """Draw a confusion matrix; what is raised is said at `report.confusion_matrix_figure`."""
    from ..report import confusion_matrix_figure

    confusion_matrix_figure(scores.confusion, [one.name for one in scores.classes], path)


def draw_speed(benchmark: "Benchmark", path: Path | str) -> None:
    """Draw how many times faster than PyTorch's calls each shape is; what is raised is said at `report.speed_chart`."""
    from ..report import speed_chart

    speed_chart(benchmark, path)


def draw_training(history: "RunHistory", path: Path | str) -> None:
    """Draw how a training has gone; what is raised is said at `report.training_chart`."""
    from ..report import training_chart

    training_chart([history], path)


def draw_lr_range_test(record: "LRRangeTest", path: Path | str) -> None:
    """Draw the losses over the learning rates; what is raised is said at `report.lr_range_chart`."""
    from ..report import lr_range_chart

    lr_range_chart(record, path)


def draw_wiring(record: "WiringRecord", path: Path | str) -> None:
    """Draw a net; what is raised is said at `report.wiring_chart`."""
    from ..report import wiring_chart

    wiring_chart(record, path)


def wiring_text(record: "WiringRecord") -> str:
    """Return the picture of a net as the text of an SVG file."""
    from ..report import wiring_svg

    return wiring_svg(record)
