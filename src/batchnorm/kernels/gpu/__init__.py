"""Kernels for a GPU: moments in one read, in Triton, which torch's builds for it bring along; torch's own sweeps."""

from ._moments import exact_moments as exact_moments
from ._moments import takes as takes
from ._operators import ACTIVATIONS as ACTIVATIONS
from ._operators import apply as apply
from ._operators import apply_back as apply_back
from ._operators import moments as moments
from ._operators import sums as sums
from ._operators import why_not as why_not
