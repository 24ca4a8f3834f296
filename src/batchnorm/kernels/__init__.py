"""Arrays in, arrays out: the kernels of batch norm. No modules, no autograd; `functional` makes operators of them."""

from ._faces import Face as Face
from ._faces import for_tensor as for_tensor
from ._faces import why_none as why_none
from ._layout import layout_of as layout_of
from ._layout import pooled_like as pooled_like
from ._masks import mask_bytes as mask_bytes
from ._masks import pool_mask_bytes as pool_mask_bytes
from ._masks import unpack_masks as unpack_masks
from ._memory_format import in_output_format as in_output_format
from ._memory_format import output_format as output_format
from ._memory_format import sizes_are_symbolic as sizes_are_symbolic
from ._seam import Affine as Affine
from ._seam import Applied as Applied
from ._seam import Back as Back
from ._seam import Behind as Behind
from ._seam import Sums as Sums
from ._seam import Unapplied as Unapplied
from ._unusable import UnusableKernelsError as UnusableKernelsError
