"""The CPU's kernels: batch norm with the steps that follow it, forward and backward, at the cost of a few copies."""

from ._calls import SERIAL as SERIAL
from ._calls import Gradients as Gradients
from ._calls import backward as backward
from ._calls import forward as forward
from ._calls import number_type as number_type
from ._compiler import Kernel as Kernel
from ._compiler import address_of as address_of
from ._compiler import available as available
from ._compiler import folder as folder
from ._layout import DTYPES as DTYPES
from ._layout import Columns as Columns
from ._layout import Rows as Rows
from ._layout import layout_of as layout_of
from ._layout import mask_bytes as mask_bytes
from ._layout import pool_mask_bytes as pool_mask_bytes
from ._layout import pooled_like as pooled_like
from ._layout import unpack_masks as unpack_masks
from ._pool_calls import pool_backward as pool_backward
from ._pool_calls import pool_forward as pool_forward
from ._team import team_name as team_name
from ._warmup import ACTIVATIONS as ACTIVATIONS
from ._warmup import all_kernels as all_kernels
from ._warmup import warmup as warmup
