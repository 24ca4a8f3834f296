"""The CPU's kernels: batch norm with the steps that follow it, forward and backward, at the cost of a few copies."""

from .._layout import layout_of as layout_of
from .._layout import pooled_like as pooled_like
from .._masks import mask_bytes as mask_bytes
from .._masks import pool_mask_bytes as pool_mask_bytes
from .._masks import unpack_masks as unpack_masks
from .._unusable import UnusableKernelsError as UnusableKernelsError
from ._calls import backward as backward
from ._calls import forward as forward
from ._compiler import address_of as address_of
from ._compiler import available as available
from ._compiler import why_unavailable as why_unavailable
from ._numba import Kernel as Kernel
from ._objects import folder as folder
from ._parts import apply as apply
from ._parts import apply_back as apply_back
from ._parts import moments as moments
from ._parts import sums as sums
from ._records import Gradients as Gradients
from ._records import Outputs as Outputs
from ._records import Running as Running
from ._records import number_type as number_type
from ._slices import backward_slices as backward_slices
from ._slices import forward_slices as forward_slices
from ._team import openmp as openmp
from ._team import pool as pool
from ._team import team_name as team_name
from ._team import use_runner as use_runner
from ._warmup import ACTIVATIONS as ACTIVATIONS
from ._warmup import all_kernels as all_kernels
from ._warmup import kept_kernels as kept_kernels
from ._warmup import warmup as warmup
from ._why_not import why_not as why_not
from ._work import DTYPES as DTYPES
from ._work import SERIAL as SERIAL

JOINED = True
"""Whether a norm by its own moments is one call here: `forward` and `backward`."""
