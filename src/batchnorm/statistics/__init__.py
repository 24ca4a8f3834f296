"""Whose moments normalize, and who may move the running ones."""

from ._batch_statistics import use_batch_statistics as use_batch_statistics
from ._batches import generators_of as generators_of
from ._known_code import may_be_left as may_be_left
from ._options import RecalibrationOptions as RecalibrationOptions
from ._recalibrate import recalibrate as recalibrate
from ._watcher import RecalibrationWatcher as RecalibrationWatcher

__all__ = [
    "RecalibrationOptions",
    "RecalibrationWatcher",
    "recalibrate",
    "use_batch_statistics",
]


def __dir__() -> list[str]:
    return __all__
