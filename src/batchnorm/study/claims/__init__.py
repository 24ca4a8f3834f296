"""The claims, a file each, in the order in which a study takes them."""

from .._claim import Claim
from ._gradient_flow import CLAIM as GRADIENT_FLOW
from ._l1_l2 import CLAIM as L1_L2
from ._regularization import CLAIM as REGULARIZATION
from ._whose_statistics import CLAIM as WHOSE_STATISTICS

CLAIMS: tuple[Claim, ...] = (GRADIENT_FLOW, REGULARIZATION, L1_L2, WHOSE_STATISTICS)
"""The claims that come with the library, in the order in which a study takes them."""

__all__ = ["CLAIMS"]
