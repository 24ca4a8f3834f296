"""Batch norm where channels are columns: x (M, C) dense, which (N, C) is and every channels_last tensor.

The tensor is taken as rows of LANES values, a multiple of C and of 8: where C is small, several of its rows make one
of ours. The statistics need all of x before the first output can be written, so there are two sweeps each way with a
merge between them. A unit of work is a block of rows and a tile of lanes; its bounds follow from the shape alone, so
that the sums are the same for any number of threads. Values behind the last whole row are a block of their own.
`sweeps` walks them. The second sweep begins where the first has ended, with what may still lie in the cache.
"""

import numpy as np
from numba import cfunc

from . import moments
from .activations import activation
from .lanes import KERNEL, full, invert, spread, step, widen
from .masks import write_mask
from .memory import (
    get,
    give,
    prefetch_like,
    put,
    read,
    shifted,
    some,
    take_ticket,
    view,
    write,
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
    TRAINING,
    UNITS,
    VAR,
    C,
    X,
    Y,
)
from .sweeps import add_to, bounds, sum_by, write_by


@step
def find_pivots(x, first, last, left, right, lanes, pivots):
    """Each lane's pivot: the mean of the first two to eight values if it has so many, for one could be an outlier."""
    few = min(max((last - first) // 4, 2), 8, last - first)
    for j in range(left, right, 8):
        count = right - j
        pivot = some(x, first * lanes + j, count, spread(get(x, first * lanes + j)))
        if few > 1:
            for r in range(1, few):
                pivot = pivot + read(x, (first + r) * lanes + j)
            pivot = pivot * full(pivot, 1 / few)
        write(pivots, j, pivot)


@step
def sum_distances(top, bottom, j, count, read, ahead, stride, lanes, partial, at, x, pivots):
    """The step of `sum_by` that adds the distances from the pivots, and their squares."""
    pivot = read(pivots, j)
    one, two = full(pivot, 0.0), full(pivot, 0.0)
    for row in range(top, bottom):
        prefetch_like(x, ahead + (row - top) * stride, pivot)
        distance = some(x, row * lanes + j, count, pivot) - pivot
        one = one + distance
        two = two + distance * distance
    add_to(partial, at + j, one)
    add_to(partial, at + lanes + j, two)


def sum_moments(storage, number):
    """The first sweep forward: the sums of every block."""
    sweep = sum_by(sum_distances, storage, number, 1)

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
            sweep(first, last, left, right, lanes, sums, partial, at, x, own)

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
    """Make the step of `write_by` for the outputs, and with a residual for the bits that say where ReLU let it pass."""

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
    sweep = write_by(normalize_with(activate, add), number)

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
            sweep(first, last, left, right, lanes, x, y, residual, masks, table, stream)

    return columns_forward
