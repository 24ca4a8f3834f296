"""Running statistics: recompute, freeze or merge them, say which batches move them, or by which to normalize."""

from ..progress import RecalibrationWatcher as RecalibrationWatcher
from ._batch_statistics import use_batch_statistics as use_batch_statistics
from ._freeze import freeze as freeze
from ._freeze import unfreeze as unfreeze
from .averaging import average_models as average_models
from .moving import accumulate_statistics as accumulate_statistics
from .moving import blended_statistics as blended_statistics
from .moving import checkpoint_safe as checkpoint_safe
from .moving import no_statistics_update as no_statistics_update
from .moving import skip_nonfinite as skip_nonfinite
from .recalibration import RecalibrationOptions as RecalibrationOptions
from .recalibration import recalibrate as recalibrate

__all__ = [
    "RecalibrationOptions",
    "RecalibrationWatcher",
    "accumulate_statistics",
    "average_models",
    "blended_statistics",
    "checkpoint_safe",
    "freeze",
    "no_statistics_update",
    "recalibrate",
    "skip_nonfinite",
    "unfreeze",
    "use_batch_statistics",
]


def __dir__() -> list[str]:
    return __all__
