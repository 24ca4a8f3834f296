"""The claims, a file each, in the order in which a study takes them."""

from .._claim import Claim
from ._best_practice import CLAIM as BEST_PRACTICE
from ._convergence import CLAIM as CONVERGENCE
from ._cost import CLAIM as COST
from ._gradient_flow import CLAIM as GRADIENT_FLOW
from ._initialization import CLAIM as INITIALIZATION
from ._l1_l2 import CLAIM as L1_L2
from ._learning_rate import CLAIM as LEARNING_RATE
from ._regularization import CLAIM as REGULARIZATION
from ._smoothness import CLAIM as SMOOTHNESS
from ._stable_inputs import CLAIM as STABLE_INPUTS
from ._transfer import CLAIM as TRANSFER
from ._whose_statistics import CLAIM as WHOSE_STATISTICS

CLAIMS: tuple[Claim, ...] = (
    CONVERGENCE,
    LEARNING_RATE,
    INITIALIZATION,
    GRADIENT_FLOW,
    STABLE_INPUTS,
    SMOOTHNESS,
    REGULARIZATION,
    L1_L2,
    WHOSE_STATISTICS,
    BEST_PRACTICE,
    TRANSFER,
    COST,
)
"""The claims that come with the library, in the order in which a study takes them."""

__all__ = ["CLAIMS"]
