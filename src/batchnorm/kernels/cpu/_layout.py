"""How do the channels of a tensor lie in memory: as rows, as columns, or in a way that no kernel takes?"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from math import lcm, prod

import torch
from torch import Tensor

from .jit.slots import PLACES

DTYPES = {torch.float32: "float32", torch.float64: "float64", torch.bfloat16: "bfloat16"}
"""The types of x that have kernels, by the name that a kernel is asked for with."""

ROW_GROUP = 4096
"""Values that a group of channels has side by side, if there are channels enough."""
WIDE = 32
"""Lanes that the kernels take at once where there are so many: a row of whole ones leaves no others behind."""
WHOLE = 1024
"""Lanes at most of a row that is made longer for it."""
UNITS = 16
"""Units of columns that there are at least, if the tensor can be cut so often: for as many threads."""
BLOCK_BYTES = 1 << 20
"""About what one unit of columns reads."""
TILE = 2048
"""Lanes of one unit at most: long runs of memory, and sums and parameters that fit into the second-level cache."""
MERGE = 64
"""Channels of one unit of the merge between two sweeps."""


@dataclass(frozen=True)
class Rows:
    """x as (n, c, length) with dense rows; the strides of the first two axes in elements."""

    n: int
    c: int
    length: int
    x_n: int
    x_c: int

    def group(self, threads: int) -> int:
        """Neighbouring channels that make one unit: long runs of memory, but two units for each thread.

        It is the one thing that may depend on the threads, for every channel has sums of its own.
        """
        return max(1, min(-(-ROW_GROUP // self.length), self.c // (2 * threads)))

    @cached_property
    def mask_bytes(self) -> int:
        """A bit a value, every row begins a byte."""
        return self.n * self.c * (-(-self.length // 8))

    @cached_property
    def arguments(self) -> tuple[int, ...]:
        """The sizes in the places where the kernels look for them, 0 in all others."""
        count = self.n * self.length
        sizes = {"n": self.n, "c": self.c, "l": self.length, "count": count}
        return _placed({**sizes, "x_n": self.x_n, "x_c": self.x_c})


@dataclass(frozen=True)
class Columns:
    """x as dense (m, c), cut into rows of `lanes` values, a multiple of c and of 8, blocks of rows, tiles of lanes."""

    m: int
    c: int
    itemsize: int

    @cached_property
    def lanes(self) -> int:
        """The row: at least 64 values, so that a loop over it is worth its while."""
        whole = lcm(self.c, WIDE)
        if whole > WHOLE:
            whole = lcm(self.c, 8)
        return whole * -(-64 // whole)

    @cached_property
    def rows(self) -> int:
        """Whole rows."""
        return self.m * self.c // self.lanes

    @cached_property
    def tail(self) -> int:
        """Values behind the last whole row."""
        return self.m * self.c % self.lanes

    @cached_property
    def tile(self) -> int:
        """Lanes of one unit."""
        return min(self.lanes, TILE)

    @cached_property
    def tiles(self) -> int:
        """Units beside each other."""
        return -(-self.lanes // self.tile)

    @cached_property
    def block_rows(self) -> int:
        """Rows of one unit; no fewer than 16, for a block has sums that must be merged."""
        by_cache = BLOCK_BYTES // (self.tile * self.itemsize)
        by_count = -(-self.rows * self.tiles // UNITS)
        return max(16, min(by_cache, by_count))

    @cached_property
    def blocks(self) -> int:
        """Units below each other, with the tail."""
        return -(-self.rows // self.block_rows) + (self.tail > 0)

    @cached_property
    def units(self) -> int:
        """Units of work."""
        return self.blocks * self.tiles

    @cached_property
    def merge_group(self) -> int:
        """Channels of one unit of the merge; all of them where several lanes are a channel's."""
        return MERGE if self.lanes == self.c else self.c

    @cached_property
    def merge_units(self) -> int:
        """Units of the merge."""
        return -(-self.c // self.merge_group)

    @cached_property
    def mask_bytes(self) -> int:
        """A bit a value."""
        return -(-self.m * self.c // 8)

    @cached_property
    def arguments(self) -> tuple[int, ...]:
        """The sizes in the places where the kernels look for them, 0 in all others."""
        names = ("c", "rows", "lanes", "tail", "block_rows", "blocks", "tile", "tiles")
        return _placed({"count": self.m, "group": self.merge_group, **{name: getattr(self, name) for name in names}})


def _placed(sizes: dict[str, int]) -> tuple[int, ...]:
    return tuple(sizes.get(name, 0) for name in PLACES)


def layout_of(x: Tensor) -> Rows | Columns | None:
    """The layout of x (N, C, *); None for one that would have to be copied first.

    Example:
        >>> layout_of(torch.zeros(2, 3, 4, 5))
        Rows(n=2, c=3, length=20, x_n=60, x_c=20)
        >>> layout_of(torch.zeros(2, 3, 4, 5).to(memory_format=torch.channels_last))
        Columns(m=40, c=3, itemsize=4)
        >>> layout_of(torch.zeros(2, 3, 4, 10)[..., ::2]) is None
        True
    """
    return _layout(tuple(x.shape), x.stride(), x.element_size())


@lru_cache(maxsize=1024)  # a net has few shapes, and every call asks
def _layout(shape: tuple[int, ...], stride: tuple[int, ...], itemsize: int) -> Rows | Columns | None:
    n, c = shape[:2]
    length = prod(shape[2:])
    if 0 in shape:  # its strides say nothing
        return Columns(0, c, itemsize)
    if length > 1 and _dense(shape[2:], stride[2:]):
        x_n, x_c = stride[:2]
        # In the usual order, without overlap: then an output that is like x is contiguous.
        if (c == 1 or x_c >= length) and (n == 1 or x_n >= (c - 1) * x_c + length):
            return Rows(n, c, length, x_n, x_c)
    last = (0, *range(2, len(shape)), 1)
    if _dense([shape[axis] for axis in last], [stride[axis] for axis in last]):
        return Columns(n * length, c, itemsize)
    return None


def _dense(shape: Sequence[int], strides: Sequence[int]) -> bool:
    """Whether the last axis is the innermost, and nothing lies between two values."""
    expected = 1
    for size, stride in zip(reversed(shape), reversed(strides), strict=True):
        if size != 1 and stride != expected:
            return False
        expected *= size
    return True


def room_for(x: Tensor, form: torch.memory_format) -> Tensor:
    """Memory like x for a kernel, which writes in the order in which it reads: in that format, if they agree."""
    room = torch.empty_like(x, memory_format=form)
    return room if isinstance(layout_of(room), type(layout_of(x))) else torch.empty_like(x)


def pooled_like(x: Tensor) -> Tensor:
    """An output of a 2×2 pool of x (N, C, H, W), in the memory format of x."""
    n, c, height, width = x.shape
    columns = not x.is_contiguous() and x.is_contiguous(memory_format=torch.channels_last)
    form = torch.channels_last if columns else torch.contiguous_format
    return torch.empty((n, c, height // 2, width // 2), dtype=x.dtype, device=x.device, memory_format=form)


def pool_mask_bytes(x: Tensor) -> int:
    """The size of a pool's masks: four bytes for eight windows, which lie along what is innermost in x."""
    n, c, height, width = x.shape
    if x.is_contiguous() or not x.is_contiguous(memory_format=torch.channels_last):
        return 4 * n * c * (height // 2) * ((width // 2 + 7) // 8)
    return 4 * n * (height // 2) * (width // 2) * ((c + 7) // 8)


def mask_bytes(x: Tensor) -> int:
    """The size of the masks of a sum."""
    n, c = x.shape[:2]
    length = prod(x.shape[2:])
    if length > 1 and (c == 1 or x.stride(1) != 1):  # rows, which need not be contiguous
        return n * c * ((length + 7) // 8)
    return (n * c * length + 7) // 8


def unpack_masks(masks: Tensor, x: Tensor) -> Tensor:
    """The masks of a sum as truth values, in the shape of x."""
    n, c = x.shape[:2]
    bits = (masks[:, None] >> torch.arange(8, dtype=torch.uint8)) & 1
    if isinstance(layout_of(x), Rows):
        rows = bits.reshape(n * c, -1)[:, : prod(x.shape[2:])]
        return rows.reshape(x.shape).bool()
    columns = bits.reshape(-1)[: x.numel()].reshape(n, *x.shape[2:], c)
    return columns.movedim(-1, 1).bool()


def in_layout_of(dy: Tensor, like: Tensor) -> Tensor:
    """A gradient in the layout of a dense tensor; copied if it has another one."""
    # Axes of one value have strides without a meaning: the layouts are compared, not the strides.
    if dy.dtype is like.dtype and dy.stride() == like.stride():
        return dy
    return torch.empty_like(like).copy_(dy)
