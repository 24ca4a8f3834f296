"""What is measured of batch norm in a study, where a loss and an accuracy do not say it."""

from ._accuracy import accuracy_reached as accuracy_reached
from ._accuracy import guessing as guessing
from ._accuracy import part_to_judge as part_to_judge
from ._bisection import Largest as Largest
from ._bisection import largest_that_works as largest_that_works
from ._checks import Checks as Checks
from ._course import Course as Course
from ._course import gap_at as gap_at
from ._dropout import dropout_before_last_layer as dropout_before_last_layer
from ._effective_rate import effective_rate as effective_rate
from ._effective_rate import lengths as lengths
from ._effective_rate import mean_length as mean_length
from ._effective_rate import scale_invariant_weights as scale_invariant_weights
from ._effective_rate import set_lengths as set_lengths
from ._evaluated_by import by_batch as by_batch
from ._evaluated_by import by_measured as by_measured
from ._evaluated_by import without_single as without_single
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
from ._initial_weights import SCHEMES as SCHEMES
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
from ._population import Population as Population
from ._practice import Inputs as Inputs
from ._practice import drop_in_front_of_classifier as drop_in_front_of_classifier
from ._practice import drop_in_front_of_norms as drop_in_front_of_norms
from ._practice import give_biases as give_biases
from ._practice import set_of_norms as set_of_norms
from ._practice import with_inputs as with_inputs
from ._practice import zero_last_gammas as zero_last_gammas
from ._smoothness import MULTIPLES as MULTIPLES
from ._smoothness import Smoothness as Smoothness
from ._smoothness import relative_smoothness as relative_smoothness
from ._smoothness import smoothness as smoothness
from ._step_cost import StepCost as StepCost
from ._step_cost import step_cost as step_cost
from ._trained_at_all import exploded as exploded
from ._trained_at_all import trained_at_all as trained_at_all
from ._variance_shift import VarianceShift as VarianceShift
from ._variance_shift import predicted_shift as predicted_shift
from ._variance_shift import variance_shifts as variance_shifts
from ._watched_inputs import QUANTILES as QUANTILES
from ._watched_inputs import WatchedInputs as WatchedInputs
from ._watched_inputs import input_quantiles as input_quantiles
from ._watched_smoothness import WatchedSmoothness as WatchedSmoothness
from ._workable import Range as Range
from ._workable import workable as workable

__all__ = [
    "EXPLOSION",
    "KINDS",
    "MULTIPLES",
    "QUANTILES",
    "SCHEMES",
    "Checks",
    "Course",
    "GradientShift",
    "InputMoments",
    "Inputs",
    "Largest",
    "Population",
    "Range",
    "Smoothness",
    "StepCost",
    "VarianceShift",
    "WatchedInputs",
    "WatchedSmoothness",
    "accuracy_reached",
    "by_batch",
    "by_measured",
    "darker",
    "drop_in_front_of_classifier",
    "drop_in_front_of_norms",
    "dropout_before_last_layer",
    "effective_rate",
    "exploded",
    "gap_at",
    "give_biases",
    "goal_of",
    "gradient_by_layer",
    "gradient_range",
    "gradient_shift",
    "growth_per_layer",
    "guessing",
    "halves",
    "initialize",
    "input_drift",
    "input_moments",
    "input_quantiles",
    "largest_that_works",
    "lengths",
    "mean_length",
    "mean_shift",
    "new_head",
    "noise_behind_norms",
    "norm_places",
    "of_classes",
    "part_to_judge",
    "predicted_shift",
    "relative_smoothness",
    "scale_invariant_weights",
    "set_lengths",
    "set_of_norms",
    "smoothness",
    "step_cost",
    "steps_to_levels",
    "to_the_goal",
    "train_only",
    "trained_at_all",
    "variance_shifts",
    "weights_of",
    "with_inputs",
    "without_single",
    "workable",
    "zero_last_gammas",
]


def __dir__() -> list[str]:
    return __all__
