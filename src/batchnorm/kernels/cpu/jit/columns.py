"""Batch norm where channels are columns: x (M, C) dense, which (N, C) is and every channels_last tensor.

The tensor is taken as rows of LANES values, a multiple of C and of 8: where C is small, several of its rows make one
of ours. The statistics need all of x before the first output can be written, so there are two sweeps each way with a
merge between them. A unit of work is a block of rows and a tile of lanes; its bounds follow from the shape alone, so
that the sums are the same for any number of threads. Values behind the last whole row are a block of their own.
Within a unit memory is walked row by row: to take four rows at once saves instructions, and costs twice the time where
a row is 1 KiB, for the processor's prefetching loses the trail. The second sweep begins where the first has ended,
with what may still lie in the cache.
"""

import numpy as np
from numba import cfunc

from . import moments
from .activations import activation
from .lanes import KERNEL, full, invert, spread, step, widen
from .memory import (
    WIDE,
    get,
    give,
    prefetch_like,
    put,
    read,
    read_like,
    read_wide,
    shifted,
    some,
    take_ticket,
    view,
    write,
    write_mask,
)
from .parameters import CENTER, SCALE, SHIFT, move_running, set_ways
from .slots import (
    BLOCK_ROWS,
    BLOCKS,
    COUNT,
    FORWARD,
    GROUP,
    LANES,
    MASKS,
    MEAN,
    PARTIAL,
    PHASE,
    PIVOTS,
    RESIDUAL,
    ROWS,
    STREAM,
    SUMS,
    TABLE,
    TAIL,
    TILE,
    TILES,
    TRAINING,
    UNITS,
    VAR,
    C,
    X,
    Y,
)

SPILL = 16
"""Rows whose sums are kept in the type of x before they go into float64."""
STRIP_BYTES = 8192
"""About what the rows of one strip have in all tensors that are read."""


def sum_by(strip, storage, number, tensors):
    """A step that sums a unit by strips of rows, each from left to right, as many lanes as are wide.

    `strip(first, last, j, count, read, ahead, stride, lanes, *arguments)` adds the rows from `first` to `last` to the
    sums of the `count` lanes from `j`, whose numbers `read` reads from a table. With every row it asks for what lies
    at `ahead` and then `stride` further on, in the strip below.
    """
    wide = WIDE // np.dtype(number).itemsize
    values = STRIP_BYTES // (tensors * np.dtype(storage).itemsize)

    @step
    def walk(first, last, left, right, lanes, sums, partial, at, *arguments):
        edge = right - (right - left) % wide
        height = min(max(values // lanes, 2), SPILL)
        for begin in range(first, last, SPILL):
            end = min(begin + SPILL, last)
            for top in range(begin, end, height):
                bottom, below = min(top + height, end), (top + height) * lanes
                for j in range(left, edge, wide):
                    if right - left == lanes:
                        strip(
                            top,
                            bottom,
                            j,
                            wide,
                            read_wide,
                            below + (j - left) * height,
                            wide,
                            lanes,
                            partial,
                            at,
                            *arguments,
                        )
                    else:
                        strip(top, bottom, j, wide, read_wide, below + j, lanes, lanes, partial, at, *arguments)
                for j in range(edge, right, 8):
                    strip(top, bottom, j, right - j, read, below + j, lanes, lanes, partial, at, *arguments)
            spill(partial, sums, at, lanes, left, right)

    return walk


@step
def add_to(sums, at, value):
    """Add lanes to others in memory."""
    write(sums, at, read_like(sums, at, value) + value)


def write_by(strip, number):
    """A step that walks a unit row by row, from left to right, as many lanes as are wide."""
    wide = WIDE // np.dtype(number).itemsize

    @step
    def walk(first, last, left, right, lanes, *arguments):
        # Wide lanes across the bounds of cache lines would cost twice: rows that begin within a line go by eights.
        edge = right - (right - left) % wide if lanes % (wide // 2) == 0 else left
        for row in range(first, last):
            for j in range(left, edge, wide):
                strip(row * lanes + j, j, wide, read_wide, lanes, *arguments)
            for j in range(edge, right - 7, 8):
                strip(row * lanes + j, j, 8, read, lanes, *arguments)
            rest = (right - left) % 8
            if rest:
                strip(row * lanes + right - rest, right - rest, rest, read, lanes, *arguments)

    return walk


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
def spill(partial, sums, at, lanes, left, right):
    """Add the sums in the type of x to those in float64, and begin them anew."""
    for j in range(left, right, 8):
        first, second = read(partial, at + j), read(partial, at + lanes + j)
        write(sums, at + j, read(sums, at + j) + widen(first))
        write(sums, at + lanes + j, read(sums, at + lanes + j) + widen(second))
        write(partial, at + j, full(first, 0.0))
        write(partial, at + lanes + j, full(first, 0.0))


@step
def find_pivots(x, first, last, left, right, lanes, pivots):
    """Each lane's pivot: the mean of the first values, two to eight of them; one alone could be an outlier."""
    few = (last - first) // 8
    if few > 8:
        few = 8
    for j in range(left, right, 8):
        count = right - j
        pivot = some(x, first * lanes + j, count, spread(get(x, first * lanes + j)))
        if few > 1:
            for r in range(1, few):
                pivot = pivot + read(x, (first + r) * lanes + j)
            pivot = pivot * full(pivot, 1 / few)
        write(pivots, j, pivot)


@step
def sum_distances(first, last, j, count, read, ahead, stride, lanes, partial, at, x, pivots):
    """Add the distances from the pivots, and their squares, to the sums of some lanes."""
    pivot = read(pivots, j)
    one, two = full(pivot, 0.0), full(pivot, 0.0)
    for row in range(first, last):
        prefetch_like(x, ahead + (row - first) * stride, pivot)
        distance = some(x, row * lanes + j, count, pivot) - pivot
        one = one + distance
        two = two + distance * distance
    add_to(partial, at + j, one)
    add_to(partial, at + lanes + j, two)


def sum_moments(storage, number):
    """The first sweep forward: the sums of every block."""
    walk = sum_by(sum_distances, storage, number, 1)

    @cfunc(KERNEL, error_model="numpy")
    def columns_moments(a):
        x, sums = view(a[X], storage), view(a[SUMS], np.float64)
        pivots, partial = view(a[PIVOTS], number), view(a[PARTIAL], number)
        units, lanes = a[UNITS], a[LANES]
        while True:
            unit = take_ticket(a)
            if unit >= units:
                return
            block, first, last, left, right = bounds(a, unit)
            own, at = shifted(pivots, block * lanes), 2 * block * lanes
            find_pivots(x, first, last, left, right, lanes, own)
            clear(sums, at, lanes, left, right, spread(0.0))
            clear(partial, at, lanes, left, right, spread(number(0.0)))
            walk(first, last, left, right, lanes, sums, partial, at, x, own)

    return columns_moments


@step
def rows_of(a, block):
    """How many rows a block has; the tail's block has none that is whole."""
    first, last = block * a[BLOCK_ROWS], (block + 1) * a[BLOCK_ROWS]
    if last > a[ROWS]:
        last = a[ROWS]
    return last - first if last > first else 0


@step
def channels_of(a, unit):
    """The channels that one unit of a merge is about; all, where several lanes are a channel's."""
    begin, end = unit * a[GROUP], (unit + 1) * a[GROUP]
    return begin, end if end < a[C] else a[C]


@step
def merge_moments(a, sums, pivots, begin, end):
    """Merge the blocks of whole rows into the first: each lane's distance of the mean from the pivot, and its squares.

    The squares are merged around the mean itself, so that they do not cancel whatever the first pivot was.
    """
    lanes, all_rows = a[LANES], spread(np.float64(a[ROWS]))
    for j in range(begin, end, 8):
        middle, first, second = widen(read(pivots, j)), spread(0.0), spread(0.0)
        for block in range(a[BLOCKS]):
            rows = rows_of(a, block)
            if rows:
                shift = widen(read(pivots, block * lanes + j)) - middle
                first = first + (read(sums, 2 * block * lanes + j) + spread(np.float64(rows)) * shift)
        distance = first / all_rows
        for block in range(a[BLOCKS]):
            rows, at = rows_of(a, block), 2 * block * lanes + j
            if rows:
                here, shift = read(sums, at), (widen(read(pivots, block * lanes + j)) - middle) - distance
                second = second + (read(sums, at + lanes) + shift * (here + here + spread(np.float64(rows)) * shift))
        write(sums, j, distance)
        write(sums, lanes + j, second)


@step
def add_lanes(a, c, sums, pivots, whole):
    """Add up a channel's lanes, and what it has in the tail, around the mean of all."""
    lanes, tail = a[LANES], (a[BLOCKS] - 1) * a[LANES]
    middle, distance = np.float64(get(pivots, c)), 0.0
    for lane in range(c, lanes, a[C]):
        if a[ROWS]:
            distance += a[ROWS] * (np.float64(get(pivots, lane)) - middle + get(sums, lane))
        if lane < a[TAIL]:
            distance += np.float64(get(pivots, tail + lane)) - middle
    mean = middle + distance / a[COUNT]
    moments.start(sums, whole, mean)
    for lane in range(c, lanes, a[C]):
        if a[ROWS]:
            shift = np.float64(get(pivots, lane)) - mean + get(sums, lane)
            moments.add_block(sums, whole, 0.0, get(sums, lanes + lane), shift, a[ROWS])
        if lane < a[TAIL]:
            moments.add_block(sums, whole, 0.0, 0.0, np.float64(get(pivots, tail + lane)) - mean, 1)


def prepare(storage, number):
    """The merge: in training the moments of every channel, then the numbers of the ways for every lane."""

    @cfunc(KERNEL, error_model="numpy")
    def columns_prepare(a):
        x, sums, pivots = view(a[X], storage), view(a[SUMS], np.float64), view(a[PIVOTS], number)
        mean, var, table = view(a[MEAN], np.float64), view(a[VAR], np.float64), view(a[TABLE], number)
        channels, lanes, found_here = a[C], a[LANES], a[TRAINING] != 0 and a[PHASE] == FORWARD
        while True:
            unit = take_ticket(a)
            if unit >= a[UNITS]:
                return
            begin, end = channels_of(a, unit)
            if found_here:
                merge_moments(a, sums, pivots, begin, end if lanes == channels else lanes)
            for c in range(begin, end):
                if found_here:
                    at = 2 * a[BLOCKS] * lanes + 3 * c  # behind the blocks' sums there is room for the channels'
                    add_lanes(a, c, sums, pivots, at)
                    middle, variance, believed = moments.finish(sums, at, a[COUNT])
                    if not believed:
                        middle, variance = moments.careful(x, c, a[COUNT], channels, 1, 1)
                    put(mean, c, middle)
                    put(var, c, variance)
                    move_running(a, c, middle, variance, number)
                set_ways(a, table, lanes, c, number)

    return columns_prepare


@step
def lane_forward(table, lanes, j, read):
    """Center, scale and shift of some lanes."""
    return read(table, CENTER * lanes + j), read(table, SCALE * lanes + j), read(table, SHIFT * lanes + j)


def normalize_with(activate, add):
    """The step that normalizes a strip, with that activation, or with a residual."""

    @step
    def normalize(at, j, count, read, lanes, x, y, residual, masks, table, stream):
        center, scale, shift = lane_forward(table, lanes, j, read)
        t = (some(x, at, count, center) - center) * scale + shift
        if add:
            t = t + some(residual, at, count, center)
            write_mask(masks, at // 8, invert(t <= full(t, 0.0)))
        give(y, at, count, activate(t), stream)

    return normalize


def forward(storage, number, name, add):
    """The second sweep forward."""
    activate, _ = activation(name, number)
    walk = write_by(normalize_with(activate, add), number)

    @cfunc(KERNEL, error_model="numpy")
    def columns_forward(a):
        x, y, table = view(a[X], storage), view(a[Y], storage), view(a[TABLE], number)
        residual, masks = view(a[RESIDUAL], storage), view(a[MASKS], np.uint8)
        units, lanes, stream = a[UNITS], a[LANES], a[STREAM] != 0
        while True:
            unit = take_ticket(a)
            if unit >= units:
                return
            _, first, last, left, right = bounds(a, units - 1 - unit)
            walk(first, last, left, right, lanes, x, y, residual, masks, table, stream)

    return columns_forward
