"""What are the statistics of a trained model on the data that it will meet? The verb, and what may be asked of it."""

from ._options import RecalibrationOptions as RecalibrationOptions
from ._recalibrate import recalibrate as recalibrate
