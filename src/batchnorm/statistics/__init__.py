"""Recompute the running statistics of a model, merge those of several, or normalize by batch statistics for a while."""

from ..progress import RecalibrationWatcher as RecalibrationWatcher
from ._batch_statistics import use_batch_statistics as use_batch_statistics
from .averaging import average_models as average_models
from .recalibration import RecalibrationOptions as RecalibrationOptions
from .recalibration import recalibrate as recalibrate

__all__ = [
    "RecalibrationOptions",
    "RecalibrationWatcher",
    "average_models",
    "recalibrate",
    "use_batch_statistics",
]


def __dir__() -> list[str]:
    return __all__
