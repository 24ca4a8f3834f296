"""What is measured of batch norm in a study, where a loss and an accuracy do not say it."""

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
from ._gradient_flow import EXPLOSION as EXPLOSION
from ._gradient_flow import gradient_by_layer as gradient_by_layer
from ._gradient_flow import gradient_range as gradient_range
from ._gradient_flow import growth_per_layer as growth_per_layer
from ._gradient_shift import GradientShift as GradientShift
from ._gradient_shift import gradient_shift as gradient_shift
from ._gradient_shift import mean_shift as mean_shift
from ._gradient_shift import weights_of as weights_of
from ._input_moments import InputMoments as InputMoments
from ._input_moments import input_drift as input_drift
from ._input_moments import input_moments as input_moments
from ._layers import KINDS as KINDS
from ._noise import noise_behind_norms as noise_behind_norms
from ._noise import norm_places as norm_places
from ._population import Population as Population
from ._smoothness import MULTIPLES as MULTIPLES
from ._smoothness import Smoothness as Smoothness
from ._smoothness import relative_smoothness as relative_smoothness
from ._smoothness import smoothness as smoothness

__all__ = [
    "EXPLOSION",
    "KINDS",
    "MULTIPLES",
    "Course",
    "GradientShift",
    "InputMoments",
    "Population",
    "Smoothness",
    "by_batch",
    "by_measured",
    "dropout_before_last_layer",
    "effective_rate",
    "gap_at",
    "gradient_by_layer",
    "gradient_range",
    "gradient_shift",
    "growth_per_layer",
    "input_drift",
    "input_moments",
    "lengths",
    "mean_length",
    "mean_shift",
    "noise_behind_norms",
    "norm_places",
    "relative_smoothness",
    "scale_invariant_weights",
    "set_lengths",
    "smoothness",
    "weights_of",
    "without_single",
]


def __dir__() -> list[str]:
    return __all__
