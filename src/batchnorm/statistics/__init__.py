"""Recompute the running statistics of a model, or normalize by batch statistics inside a `with` block."""

from ..progress import RecalibrationWatcher as RecalibrationWatcher
from ._batch_statistics import use_batch_statistics as use_batch_statistics
from ._batches import generators_of as generators_of
from ._fingerprint import MODULUS as MODULUS
from ._fingerprint import fingerprint_of as fingerprint_of
from ._known_code import may_be_left as may_be_left
from ._options import RecalibrationOptions as RecalibrationOptions
from ._recalibrate import recalibrate as recalibrate

__all__ = [
    "RecalibrationOptions",
    "RecalibrationWatcher",
    "recalibrate",
    "use_batch_statistics",
]


def __dir__() -> list[str]:
    return __all__
