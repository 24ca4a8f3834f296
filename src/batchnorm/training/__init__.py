"""Train an image classifier by a `TrainConfig` into a run folder, and resume a training that was stopped."""

from ._fit import DivergenceError as DivergenceError
from ._fit import Trained as Trained
from ._fit import fit as fit
from ._fit import resume as resume
from ._watcher import Plan as Plan
from ._watcher import StepReport as StepReport
from ._watcher import Watcher as Watcher

__all__ = [
    "DivergenceError",
    "Plan",
    "StepReport",
    "Trained",
    "Watcher",
    "fit",
    "resume",
]


def __dir__() -> list[str]:
    return __all__
