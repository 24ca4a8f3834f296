"""Evaluate any model on any data, with running, batch and recalibrated statistics.

The function is `batchnorm.evaluate`; here are the types of its arguments.
"""

from ..calls import ForwardFn as ForwardFn
from ._evaluate_model import evaluate_model as evaluate_model
from ._examples import Example as Example
from ._examples import Examples as Examples
from ._examples import TargetFn as TargetFn
from ._examples import as_loader as as_loader
from ._metric import Metric as Metric

__all__ = [
    "Metric",
    "TargetFn",
]


def __dir__() -> list[str]:
    return __all__
