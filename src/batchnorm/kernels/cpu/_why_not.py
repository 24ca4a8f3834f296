"""Do the CPU's kernels take this tensor? If not, which of their conditions fails?"""

import torch
from torch import Tensor

from .._layout import layout_of
from .._memory_format import LAST, sizes_are_symbolic
from . import _compiler
from ._work import DTYPES


def why_not(x: Tensor) -> str | None:
    """Which condition a tensor fails, as the rest of a sentence; None if none.

    Example:
        >>> why_not(torch.zeros(2, 3, 4, 5)[..., ::2])
        'needs x contiguous or channels_last, got strides (60, 20, 5, 2)'
    """
    if x.device.type != "cpu":
        return f"needs x on the CPU, got it on {x.device}"
    if x.dtype not in DTYPES:
        return f"needs x of float32, float64 or bfloat16, got {x.dtype}"
    missing = _compiler.why_unavailable()
    if missing is not None:
        return f"needs {missing}"
    return None if _is_in_layout(x) else f"needs x contiguous or channels_last, got strides {tuple(x.stride())}"


def _is_in_layout(x: Tensor) -> bool:
    if sizes_are_symbolic(x):
        # A symbolic size must not be asked for a number: the two usual layouts are enough here.
        last = LAST.get(x.dim(), torch.contiguous_format)
        return x.is_contiguous() or x.is_contiguous(memory_format=last)
    return x.layout is torch.strided and x.dim() >= 2 and layout_of(x) is not None
