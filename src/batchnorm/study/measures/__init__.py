"""What is measured of batch norm in a study, where a loss and an accuracy do not say it."""

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
from ._smoothness import MULTIPLES as MULTIPLES
from ._smoothness import Smoothness as Smoothness
from ._smoothness import relative_smoothness as relative_smoothness
from ._smoothness import smoothness as smoothness
from ._watched_inputs import QUANTILES as QUANTILES
from ._watched_inputs import WatchedInputs as WatchedInputs
from ._watched_inputs import input_quantiles as input_quantiles
from ._watched_smoothness import WatchedSmoothness as WatchedSmoothness

__all__ = [
    "EXPLOSION",
    "KINDS",
    "MULTIPLES",
    "QUANTILES",
    "GradientShift",
    "InputMoments",
    "Smoothness",
    "WatchedInputs",
    "WatchedSmoothness",
    "gradient_by_layer",
    "gradient_range",
    "gradient_shift",
    "growth_per_layer",
    "input_drift",
    "input_moments",
    "input_quantiles",
    "mean_shift",
    "noise_behind_norms",
    "norm_places",
    "relative_smoothness",
    "smoothness",
    "weights_of",
]


def __dir__() -> list[str]:
    return __all__
