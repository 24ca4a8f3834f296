"""Storey 3: whose moments normalize, and who may move the running ones."""

from ..progress import RecalibrationWatcher as RecalibrationWatcher
from ._batch_statistics import use_batch_statistics as use_batch_statistics
from ._known_code import may_be_left as may_be_left
from ._recalibrate import recalibrate as recalibrate
