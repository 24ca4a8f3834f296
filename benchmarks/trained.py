"""What did a training come to, as a row of a measurement, and what must the rows of one table share?"""

import platform
import time

import measured
import torch
from accuracy import processor

from batchnorm import __version__
from batchnorm.data import Source
from batchnorm.runs import TrainConfig
from batchnorm.training import DivergenceError, fit


def conditions() -> dict[str, str]:
    """Return what all rows must share that were trained in one thread."""
    return {
        "batchnorm": __version__,
        "torch": torch.__version__,
        "python": platform.python_version(),
        "machine": processor(),
        "threads": "1",
    }


def completed(row: measured.Row, config: TrainConfig, source: Source | None = None) -> measured.Row:
    """Train, and return the row with what came of it; no accuracy where the training diverged."""
    start = time.perf_counter()
    try:
        result = fit(config, source=source).result
    except DivergenceError as error:
        return {**row, "accuracy": None, "loss": None, "seconds": time.perf_counter() - start, "why": str(error)}
    return {**row, "accuracy": result.test_accuracy, "loss": result.test_loss, "seconds": result.seconds}
