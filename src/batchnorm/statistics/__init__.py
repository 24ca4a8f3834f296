"""Running statistics: recompute, freeze or merge them, or normalize by batch statistics inside a `with` block."""

from ..progress import RecalibrationWatcher as RecalibrationWatcher
from ._batch_statistics import use_batch_statistics as use_batch_statistics
from ._freeze import freeze as freeze
from ._freeze import unfreeze as unfreeze
from .averaging import average_models as average_models
from .recalibration import RecalibrationOptions as RecalibrationOptions
from .recalibration import recalibrate as recalibrate

__all__ = [
    "RecalibrationOptions",
    "RecalibrationWatcher",
    "average_models",
    "freeze",
    "recalibrate",
    "unfreeze",
    "use_batch_statistics",
]


def __dir__() -> list[str]:
    return __all__
