"""The claims, a file each, in the order in which a study takes them."""

from .._claim import Claim

CLAIMS: tuple[Claim, ...] = ()
"""The claims that come with the library, in the order in which a study takes them."""

__all__ = ["CLAIMS"]
