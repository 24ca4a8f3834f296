"""What is measured of batch norm in a study, where a loss and an accuracy do not say it."""

from ._accuracy import accuracy_reached as accuracy_reached
from ._accuracy import guessing as guessing
from ._accuracy import part_to_judge as part_to_judge
from ._bisection import Largest as Largest
from ._bisection import largest_that_works as largest_that_works
from ._checks import Checks as Checks
from ._goal import goal_of as goal_of
from ._goal import steps_to_levels as steps_to_levels
from ._goal import to_the_goal as to_the_goal
from ._gradient_flow import EXPLOSION as EXPLOSION
from ._gradient_flow import gradient_by_layer as gradient_by_layer
from ._gradient_flow import gradient_range as gradient_range
from ._gradient_flow import growth_per_layer as growth_per_layer
from ._gradient_shift import GradientShift as GradientShift
from ._gradient_shift import gradient_shift as gradient_shift
from ._gradient_shift import mean_shift as mean_shift
from ._gradient_shift import weights_of as weights_of
from ._initial_weights import initialize as initialize
from ._input_moments import InputMoments as InputMoments
from ._input_moments import input_drift as input_drift
from ._input_moments import input_moments as input_moments
from ._layers import KINDS as KINDS
from ._new_domain import darker as darker
from ._new_domain import halves as halves
from ._new_domain import new_head as new_head
from ._new_domain import of_classes as of_classes
from ._new_domain import train_only as train_only
from ._noise import noise_behind_norms as noise_behind_norms
from ._noise import norm_places as norm_places
from ._smoothness import MULTIPLES as MULTIPLES
from ._smoothness import Smoothness as Smoothness
from ._smoothness import relative_smoothness as relative_smoothness
from ._smoothness import smoothness as smoothness
from ._trained_at_all import exploded as exploded
from ._trained_at_all import trained_at_all as trained_at_all
from ._workable import Range as Range
from ._workable import workable as workable
from ._watched_inputs import QUANTILES as QUANTILES
from ._watched_inputs import WatchedInputs as WatchedInputs
from ._watched_inputs import input_quantiles as input_quantiles
from ._watched_smoothness import WatchedSmoothness as WatchedSmoothness

__all__ = [
    "EXPLOSION",
    "KINDS",
    "MULTIPLES",
    "Checks",
    "QUANTILES",
    "GradientShift",
    "InputMoments",
    "Largest",
    "Range",
    "Smoothness",
    "accuracy_reached",
    "darker",
    "exploded",
    "goal_of",
    "WatchedInputs",
    "WatchedSmoothness",
    "gradient_by_layer",
    "gradient_range",
    "gradient_shift",
    "growth_per_layer",
    "guessing",
    "halves",
    "initialize",
    "input_drift",
    "input_moments",
    "largest_that_works",
    "input_quantiles",
    "mean_shift",
    "new_head",
    "noise_behind_norms",
    "norm_places",
    "of_classes",
    "part_to_judge",
    "relative_smoothness",
    "smoothness",
    "steps_to_levels",
    "to_the_goal",
    "train_only",
    "trained_at_all",
    "weights_of",
    "workable",
]


def __dir__() -> list[str]:
    return __all__
