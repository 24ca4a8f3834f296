"""Kernels for a GPU, in Triton, which comes with torch's builds for one: the moments of a batch in one read."""

from ._moments import moments as moments
from ._moments import takes as takes
