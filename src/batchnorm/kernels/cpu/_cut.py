"""Into which units of work is a tensor cut?

Those of columns follow from the shape alone: the sums of blocks are merged in their order, so that the result has the
same bits for any number of threads. Those of rows may depend on the threads, for every channel has sums of its own.
"""

from dataclasses import dataclass
from functools import cached_property
from math import lcm

from .._layout import Columns, Rows

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
PAIR_BYTES = 1 << 17
"""About what one unit of pairs of rows reads."""


def cut_rows(layout: Rows | Columns, threads: int) -> tuple[int, int]:
    """How many units of rows there are, and how many neighbouring channels make one.

    They make long runs of memory, but two units for each thread.
    """
    by_memory = -(-ROW_GROUP // layout.length) if isinstance(layout, Rows) else 1
    group = max(1, min(by_memory, layout.c // (2 * threads)))
    return -(-layout.c // group), group


@dataclass(frozen=True)
class ColumnCut:
    """Columns cut into rows of `lanes` values, a multiple of c and of 8, blocks of rows, tiles of lanes."""

    layout: Columns
    itemsize: int

    @cached_property
    def lanes(self) -> int:
        """The row: at least 64 values, so that a loop over it is worth its while."""
        whole = lcm(self.layout.c, WIDE)
        if whole > WHOLE:
            whole = lcm(self.layout.c, 8)
        return whole * -(-64 // whole)

    @cached_property
    def rows(self) -> int:
        """Whole rows."""
        return self.layout.m * self.layout.c // self.lanes

    @cached_property
    def tail(self) -> int:
        """Values behind the last whole row."""
        return self.layout.m * self.layout.c % self.lanes

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
        return MERGE if self.lanes == self.layout.c else self.layout.c

    @cached_property
    def merge_units(self) -> int:
        """Units of the merge."""
        return -(-self.layout.c // self.merge_group)


def pairs_of_rows(shape: tuple[int, ...], itemsize: int) -> tuple[int, int]:
    """Of channels_last images (N, C, H, W) that are pooled: how many units, and how many pairs of rows make one."""
    n, c, height, width = shape
    pairs = n * (height // 2)
    by_cache = PAIR_BYTES // (2 * width * c * itemsize)
    group = max(1, min(by_cache, -(-pairs // UNITS)))
    return -(-pairs // group), group
