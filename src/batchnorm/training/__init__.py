"""Train an image classifier by a `TrainConfig` into a run folder, and resume a training that was stopped."""

from ..progress import FreezingPlan as FreezingPlan
from ..progress import PartsPlan as PartsPlan
from ..progress import Plan as Plan
from ..progress import PopulationPlan as PopulationPlan
from ..progress import StepReport as StepReport
from ..progress import Watcher as Watcher
from ._fit import Trained as Trained
from ._fit import fit as fit
from ._fit import resume as resume
from ._for_all import config_for_all as config_for_all
from ._step import DivergenceError as DivergenceError

__all__ = [
    "DivergenceError",
    "FreezingPlan",
    "PartsPlan",
    "Plan",
    "PopulationPlan",
    "StepReport",
    "Trained",
    "Watcher",
    "fit",
    "resume",
]


def __dir__() -> list[str]:
    return __all__
