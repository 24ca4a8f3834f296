"""The claims, a file each, in the order in which a study takes them."""

from .._claim import Claim
from ._gradient_flow import CLAIM as GRADIENT_FLOW

CLAIMS: tuple[Claim, ...] = (GRADIENT_FLOW,)
"""The claims that come with the library, in the order in which a study takes them."""

__all__ = ["CLAIMS"]
