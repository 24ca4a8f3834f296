"""How do the channels of a tensor lie in memory: as rows, as columns, or in a way that no kernel takes?"""

from collections.abc import Sequence
from functools import lru_cache
from math import prod
from typing import NamedTuple

import torch
from torch import Tensor


class Rows(NamedTuple):
    """x as (n, c, length) with dense rows; the strides of the first two axes in elements."""

    n: int
    c: int
    length: int
    x_n: int
    x_c: int


class Columns(NamedTuple):
    """x as dense (m, c)."""

    m: int
    c: int


def layout_of(x: Tensor) -> Rows | Columns | None:
    """The layout of x (N, C, *); None for one that would have to be copied first.

    Example:
        >>> layout_of(torch.zeros(2, 3, 4, 5))
        Rows(n=2, c=3, length=20, x_n=60, x_c=20)
        >>> layout_of(torch.zeros(2, 3, 4, 5).to(memory_format=torch.channels_last))
        Columns(m=40, c=3)
        >>> layout_of(torch.zeros(2, 3, 4, 10)[..., ::2]) is None
        True
    """
    return layout_by(x.shape, x.stride())


@lru_cache(maxsize=1024)  # a net has few shapes, and many calls ask
def layout_by(shape: tuple[int, ...], stride: tuple[int, ...]) -> Rows | Columns | None:
    """The layout of a tensor of that shape and these strides."""
    n, c = shape[:2]
    length = prod(shape[2:])
    if 0 in shape:  # its strides say nothing
        return Columns(0, c)
    if length > 1 and _dense(shape[2:], stride[2:]):
        x_n, x_c = stride[:2]
        # In the usual order, without overlap: then an output that is like x is contiguous.
        if (c == 1 or x_c >= length) and (n == 1 or x_n >= (c - 1) * x_c + length):
            return Rows(n, c, length, x_n, x_c)
    last = (0, *range(2, len(shape)), 1)
    if _dense([shape[axis] for axis in last], [stride[axis] for axis in last]):
        return Columns(n * length, c)
    return None


def _dense(shape: Sequence[int], strides: Sequence[int]) -> bool:
    """Whether the last axis is the innermost, and nothing lies between two values."""
    expected = 1
    for size, stride in zip(reversed(shape), reversed(strides), strict=True):
        if size != 1 and stride != expected:
            return False
        expected *= size
    return True


def pooled_like(x: Tensor) -> Tensor:
    """An output of a 2×2 pool of x (N, C, H, W), in the memory format of x."""
    n, c, height, width = x.shape
    columns = not x.is_contiguous() and x.is_contiguous(memory_format=torch.channels_last)
    form = torch.channels_last if columns else torch.contiguous_format
    return torch.empty((n, c, height // 2, width // 2), dtype=x.dtype, device=x.device, memory_format=form)
