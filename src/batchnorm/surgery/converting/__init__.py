"""Give the norms of a model another class, in place, and their own again."""

from ._convert import convert as convert
from ._meant import named as named
from ._revert import revert as revert
