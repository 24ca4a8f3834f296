"""In which order is a unit of columns walked, and how many of its lanes and rows at once?

What limits a sweep is memory, unless the processor waits for something else: for sums that are loaded and stored with
every row, or for lines that nothing has asked for. So lanes are as wide as two cache lines, and a sum over several
rows stays in registers before it is added to the one in memory. To take several rows at once makes the processor's
prefetching lose the trail; the strip below is therefore asked for line by line, in the order in which it lies.
"""

import numpy as np

from .lanes import full, spread, step, widen
from .memory import WIDE, read, read_like, read_wide, write
from .slots import BLOCK_ROWS, LANES, ROWS, TAIL, TILE, TILES

SPILL = 16
"""Rows whose sums are kept in the type of x before they go into float64."""
STRIP = 8192
"""Bytes of a strip in all tensors that are read: with the strip below, they fit into the first-level cache."""


@step
def bounds(a, unit):
    """The block, the rows and the lanes of a unit; the tail's values are the only row of the last block."""
    block, tile = unit // a[TILES], unit % a[TILES]
    first, last = block * a[BLOCK_ROWS], (block + 1) * a[BLOCK_ROWS]
    left, right = tile * a[TILE], (tile + 1) * a[TILE]
    end = a[LANES]
    if last > a[ROWS]:
        last = a[ROWS]
    if first >= a[ROWS]:
        first, last, end = a[ROWS], a[ROWS] + 1, a[TAIL]
    if right > end:
        right = end
    if left > right:  # a tile behind the tail has no lanes; the remainder of a negative number would be some
        left = right
    return block, first, last, left, right


@step
def clear(sums, at, lanes, left, right, zero):
    """Set both sums of a unit's lanes to 0."""
    for j in range(left, right, 8):
        write(sums, at + j, zero)
        write(sums, at + lanes + j, zero)


@step
def add_to(sums, at, value):
    """Add lanes to those in memory."""
    write(sums, at, read_like(sums, at, value) + value)


@step
def spill(partial, sums, at, lanes, left, right):
    """Add the sums in the type of x to those in float64, and begin them anew."""
    for j in range(left, right, 8):
        first, second = read(partial, at + j), read(partial, at + lanes + j)
        add_to(sums, at + j, widen(first))
        add_to(sums, at + lanes + j, widen(second))
        write(partial, at + j, full(first, 0.0))
        write(partial, at + lanes + j, full(first, 0.0))


def sum_by(strip, storage, number, tensors):
    """Make the step that adds a unit up: strips of rows, and each of them from left to right.

    `strip(top, bottom, j, count, read, ahead, stride, lanes, partial, at, *arguments)` adds the rows from `top` to
    `bottom` to the partial sums of the `count` lanes from `j`; `read` reads their numbers from a table. With its first
    row it asks for what lies at `ahead` in each of so many `tensors`, and `stride` further on with each row after.
    """
    wide = WIDE // np.dtype(number).itemsize
    values = STRIP // (tensors * np.dtype(storage).itemsize)

    @step
    def sweep(first, last, left, right, lanes, sums, partial, at, *arguments):
        clear(sums, at, lanes, left, right, spread(0.0))
        clear(partial, at, lanes, left, right, spread(number(0.0)))
        edge = right - (right - left) % wide
        height = min(max(values // lanes, 2), SPILL)
        for begin in range(first, last, SPILL):
            end, top = min(begin + SPILL, last), begin
            while top < end:
                bottom, below = min(top + height, end), (top + height) * lanes
                for j in range(left, edge, wide):
                    ahead, stride = below + j, lanes
                    if right - left == lanes:  # the strip below lies in one piece
                        ahead, stride = below + (j - left) * height, wide
                    strip(top, bottom, j, wide, read_wide, ahead, stride, lanes, partial, at, *arguments)
                for j in range(edge, right, 8):
                    strip(top, bottom, j, right - j, read, below + j, lanes, lanes, partial, at, *arguments)
                top = bottom
            spill(partial, sums, at, lanes, left, right)

    return sweep


def write_by(some_lanes, number):
    """Make the step that writes a unit, row by row, for there the processor asks for the right lines by itself.

    `some_lanes(at, j, count, read, lanes, *arguments)` writes the `count` values at `at`, in the lanes from `j`, whose
    numbers `read` reads from a table. Here whole lanes come first: a constant count leaves no branch.
    """
    wide = WIDE // np.dtype(number).itemsize

    @step
    def sweep(first, last, left, right, lanes, *arguments):
        # Where rows begin within a cache line, every wide access would be two.
        edge = right - (right - left) % wide if lanes % (wide // 2) == 0 else left
        rest = (right - left) % 8
        for row in range(first, last):
            here = row * lanes
            for j in range(left, edge, wide):
                some_lanes(here + j, j, wide, read_wide, lanes, *arguments)
            for j in range(edge, right - 7, 8):
                some_lanes(here + j, j, 8, read, lanes, *arguments)
            if rest:
                some_lanes(here + right - rest, right - rest, rest, read, lanes, *arguments)

    return sweep
