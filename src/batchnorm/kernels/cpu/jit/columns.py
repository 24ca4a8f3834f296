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
    AHEAD,
    get,
    give,
    prefetch,
    put,
    read,
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

SPILL = 8
"""Rows whose sums are kept in the type of x before they go into float64."""


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
def sum_distances(x, here, j, count, lanes, pivots, partial, at):
    """Add the distances from the pivots, and their squares, to the sums of up to eight lanes."""
    pivot = read(pivots, j)
    prefetch(x, here + AHEAD)
    distance = some(x, here, count, pivot) - pivot
    write(partial, at + j, read(partial, at + j) + distance)
    write(partial, at + lanes + j, read(partial, at + lanes + j) + distance * distance)


@step
def sum_rows(x, first, last, left, right, lanes, pivots, partial, at):
    """Add rows to the unit's sums. Here as below whole vectors come first: a constant count leaves no branch."""
    for row in range(first, last):
        for j in range(left, right - 7, 8):
            sum_distances(x, row * lanes + j, j, 8, lanes, pivots, partial, at)
        rest = (right - left) % 8
        if rest:
            sum_distances(x, row * lanes + right - rest, right - rest, rest, lanes, pivots, partial, at)


def sum_moments(storage, number):
    """The first sweep forward: the sums of every block."""

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
            for row in range(first, last, SPILL):
                end = row + SPILL if row + SPILL < last else last
                sum_rows(x, row, end, left, right, lanes, own, partial, at)
                spill(partial, sums, at, lanes, left, right)

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
def lane_forward(table, lanes, j):
    """Center, scale and shift of eight lanes."""
    return read(table, CENTER * lanes + j), read(table, SCALE * lanes + j), read(table, SHIFT * lanes + j)


@step
def normalize_lanes(x, y, residual, masks, table, at, j, count, lanes, stream, activate, add):
    """Up to eight outputs, and with a residual the bits that say where ReLU let it pass."""
    center, scale, shift = lane_forward(table, lanes, j)
    t = (some(x, at, count, center) - center) * scale + shift
    if add:
        t = t + some(residual, at, count, center)
        write_mask(masks, at // 8, invert(t <= full(t, 0.0)))
    give(y, at, count, activate(t), stream)


@step
def normalize_rows(x, y, residual, masks, table, first, last, left, right, lanes, stream, activate, add):
    """The outputs of a unit."""
    for row in range(first, last):
        at = row * lanes
        for j in range(left, right - 7, 8):
            normalize_lanes(x, y, residual, masks, table, at + j, j, 8, lanes, stream, activate, add)
        rest = (right - left) % 8
        if rest:
            j = right - rest
            normalize_lanes(x, y, residual, masks, table, at + j, j, rest, lanes, stream, activate, add)


def forward(storage, number, name, add):
    """The second sweep forward."""
    activate, _ = activation(name, number)

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
            normalize_rows(x, y, residual, masks, table, first, last, left, right, lanes, stream, activate, add)

    return columns_forward
