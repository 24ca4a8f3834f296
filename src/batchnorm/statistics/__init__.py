"""Recompute the running statistics of a model, or normalize by batch statistics inside a `with` block."""

from ..progress import RecalibrationWatcher as RecalibrationWatcher
from ._batch_statistics import use_batch_statistics as use_batch_statistics
from .recalibration import RecalibrationOptions as RecalibrationOptions
from .recalibration import recalibrate as recalibrate

__all__ = [
    "RecalibrationOptions",
    "RecalibrationWatcher",
    "recalibrate",
    "use_batch_statistics",
]


def __dir__() -> list[str]:
    return __all__
