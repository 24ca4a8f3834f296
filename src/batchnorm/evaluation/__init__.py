"""How good is somebody's model on somebody's data, and by whose statistics?"""

from ..calls import ForwardFn as ForwardFn
from ._evaluate_model import evaluate_model as evaluate_model
from ._examples import TargetFn as TargetFn
from ._metric import Metric as Metric

__all__ = [
    "Metric",
    "TargetFn",
    "evaluate_model",
]


def __dir__() -> list[str]:
    return __all__
