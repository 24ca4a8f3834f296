"""Train an image classifier by a `TrainConfig` into a run folder, resume what was stopped, find a learning rate."""

from ..progress import FreezingPlan as FreezingPlan
from ..progress import PartsPlan as PartsPlan
from ..progress import Plan as Plan
from ..progress import PopulationPlan as PopulationPlan
from ..progress import StepReport as StepReport
from ..progress import Watcher as Watcher
from ._find_lr import find_lr as find_lr
from ._fit import Trained as Trained
from ._fit import fit as fit
from ._fit import resume as resume
from ._for_all import config_for_all as config_for_all
from ._lr_range_options import LRRangeOptions as LRRangeOptions
from ._lr_range_test import LossFn as LossFn
from ._lr_range_test import lr_range_test as lr_range_test
from ._optimizer import parameter_groups as parameter_groups
from ._step import DivergenceError as DivergenceError

__all__ = [
    "DivergenceError",
    "FreezingPlan",
    "LRRangeOptions",
    "LossFn",
    "PartsPlan",
    "Plan",
    "PopulationPlan",
    "StepReport",
    "Trained",
    "Watcher",
    "find_lr",
    "fit",
    "lr_range_test",
    "resume",
]


def __dir__() -> list[str]:
    return __all__
