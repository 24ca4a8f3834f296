"""The claims, a file each, in the order in which a study takes them."""

from .._claim import Claim
from ._l1_l2 import CLAIM as _L1_L2
from ._regularization import CLAIM as _REGULARIZATION
from ._whose_statistics import CLAIM as _WHOSE_STATISTICS

CLAIMS: tuple[Claim, ...] = (_REGULARIZATION, _L1_L2, _WHOSE_STATISTICS)
"""The claims that come with the library, in the order in which a study takes them."""

__all__ = ["CLAIMS"]
