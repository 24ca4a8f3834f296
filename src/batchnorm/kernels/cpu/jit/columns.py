"""Batch norm where channels are columns: x (M, C) dense, which (N, C) is and every channels_last tensor.

The tensor is taken as rows of LANES values, a multiple of C and of 8: where C is small, several of its rows make one
of ours. The statistics need all of x before the first output can be written, so there are two sweeps each way with a
merge between them. A unit of work is a block of rows and a tile of lanes; its bounds follow from the shape alone, so
that the sums are the same for any number of threads. Values behind the last whole row are a block of their own.
Within a unit memory is walked row by row: to take four rows at once saves instructions, and costs twice the time where
a row is 1 KiB, for the processor's prefetching loses the trail. The second sweep begins where the first has ended,
with what may still lie in the cache.
"""

import math

import numpy as np
from numba import cfunc

from . import moments
from .activations import activation
from .lanes import (
    AHEAD,
    KERNEL,
    alone,
    as_float,
    full,
    get,
    give,
    invert,
    prefetch,
    put,
    read,
    shifted,
    some,
    spread,
    step,
    take_ticket,
    total,
    view,
    widen,
    write,
    write_mask,
)
from .parameters import CENTER, CONSTANT, OF_DY, OF_X, SCALE, SHIFT, parameter, set_backward, set_forward, way_forward
from .rows import pass_back
from .slots import (
    BIAS,
    BLOCK_ROWS,
    BLOCKS,
    COUNT,
    DBIAS,
    DRESIDUAL,
    DWEIGHT,
    DX,
    DY,
    EPS,
    GROUP,
    LANES,
    MASKS,
    MEAN,
    PARTIAL,
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
    WEIGHT,
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
    """Each lane's pivot: the first value, or in a block of many the mean of the first eight."""
    for j in range(left, right, 8):
        count = right - j
        pivot = some(x, first * lanes + j, count, spread(get(x, first * lanes + j)))
        if last - first >= 64:
            for r in range(1, 8):
                pivot = pivot + read(x, (first + r) * lanes + j)
            pivot = pivot * full(pivot, 0.125)
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
    """Merge the blocks of whole rows into the first, lane by lane."""
    lanes = a[LANES]
    for j in range(begin, end, 8):
        middle, first, second = widen(read(pivots, j)), spread(0.0), spread(0.0)
        for block in range(a[BLOCKS]):
            rows, at = rows_of(a, block), 2 * block * lanes + j
            if rows:
                count, here = spread(np.float64(rows)), read(sums, at)
                shift = widen(read(pivots, block * lanes + j)) - middle
                first = first + (here + count * shift)
                second = second + (read(sums, at + lanes) + shift * (here + here + count * shift))
        write(sums, j, first)
        write(sums, lanes + j, second)


@step
def add_lanes(a, c, sums, pivots, whole):
    """Add up a channel's lanes, and what it has in the tail."""
    lanes = a[LANES]
    moments.start(sums, whole, get(pivots, c))
    for lane in range(c, lanes, a[C]):
        if a[ROWS]:
            first, second, pivot = get(sums, lane), get(sums, lanes + lane), np.float64(get(pivots, lane))
            moments.add_block(sums, whole, first, second, pivot, a[ROWS])
        if lane < a[TAIL]:
            pivot = np.float64(get(pivots, (a[BLOCKS] - 1) * lanes + lane))
            moments.add_block(sums, whole, 0.0, 0.0, pivot, 1)


def prepare(storage, number):
    """The merge: in training the moments of every channel, then the numbers of the way forward for every lane."""

    @cfunc(KERNEL, error_model="numpy")
    def columns_prepare(a):
        x, sums, pivots = view(a[X], storage), view(a[SUMS], np.float64), view(a[PIVOTS], number)
        mean, var, table = view(a[MEAN], np.float64), view(a[VAR], np.float64), view(a[TABLE], number)
        channels, lanes, eps = a[C], a[LANES], as_float(a[EPS])
        while True:
            unit = take_ticket(a)
            if unit >= a[UNITS]:
                return
            begin, end = channels_of(a, unit)
            if a[TRAINING]:
                merge_moments(a, sums, pivots, begin, end if lanes == channels else lanes)
            for c in range(begin, end):
                if a[TRAINING]:
                    at = 2 * a[BLOCKS] * lanes + 3 * c  # behind the blocks' sums there is room for the channels'
                    add_lanes(a, c, sums, pivots, at)
                    middle, variance, believed = moments.finish(sums, at, a[COUNT])
                    if not believed:
                        middle, variance = moments.careful(x, c, a[COUNT], channels, 1, 1)
                    put(mean, c, middle)
                    put(var, c, variance)
                weight, bias = parameter(a[WEIGHT], number, c, 1.0), parameter(a[BIAS], number, c, 0.0)
                for lane in range(c, lanes, channels):
                    set_forward(table, lanes, lane, get(mean, c), get(var, c), weight, bias, eps, number)

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


@step
def sum_lanes(x, dy, masks, table, here, j, count, lanes, partial, at, differentiate, add):
    """Add the gradients, and their products with x - center, to the sums of up to eight lanes."""
    prefetch(x, here + AHEAD)
    prefetch(dy, here + AHEAD)
    center, scale, shift = lane_forward(table, lanes, j)
    distance, e = some(x, here, count, center) - center, some(dy, here, count, full(center, 0.0))
    g = pass_back(distance, e, masks, here // 8, scale, shift, differentiate, add)
    write(partial, at + j, read(partial, at + j) + g)
    write(partial, at + lanes + j, read(partial, at + lanes + j) + g * distance)


@step
def sum_gradients(x, dy, masks, table, first, last, left, right, lanes, partial, at, differentiate, add):
    """Add rows to the unit's sums."""
    for row in range(first, last):
        here = row * lanes
        for j in range(left, right - 7, 8):
            sum_lanes(x, dy, masks, table, here + j, j, 8, lanes, partial, at, differentiate, add)
        rest = (right - left) % 8
        if rest:
            j = right - rest
            sum_lanes(x, dy, masks, table, here + j, j, rest, lanes, partial, at, differentiate, add)


def sum_backward(storage, number, name, add):
    """The first sweep back: the sums of every block."""
    _, differentiate = activation(name, number)

    @cfunc(KERNEL, error_model="numpy")
    def columns_sums(a):
        x, dy, table, masks = (
            view(a[X], storage),
            view(a[DY], storage),
            view(a[TABLE], number),
            view(a[MASKS], np.uint8),
        )
        sums, partial = view(a[SUMS], np.float64), view(a[PARTIAL], number)
        units, lanes = a[UNITS], a[LANES]
        while True:
            unit = take_ticket(a)
            if unit >= units:
                return
            block, first, last, left, right = bounds(a, unit)
            at = 2 * block * lanes
            clear(sums, at, lanes, left, right, spread(0.0))
            clear(partial, at, lanes, left, right, spread(number(0.0)))
            for row in range(first, last, SPILL):
                end = row + SPILL if row + SPILL < last else last
                sum_gradients(x, dy, masks, table, row, end, left, right, lanes, partial, at, differentiate, add)
                spill(partial, sums, at, lanes, left, right)

    return columns_sums


@step
def merge_sums(a, sums, begin, end):
    """Add all blocks of whole rows to the first, lane by lane."""
    lanes = a[LANES]
    for j in range(begin, end, 8):
        first, second = spread(0.0), spread(0.0)
        for block in range(a[BLOCKS]):
            if rows_of(a, block):
                first = first + read(sums, 2 * block * lanes + j)
                second = second + read(sums, (2 * block + 1) * lanes + j)
        write(sums, j, first)
        write(sums, lanes + j, second)


@step
def channel_sums(a, c, sums):
    """Both sums of a channel, over its lanes and what it has in the tail."""
    lanes, first, second = a[LANES], 0.0, 0.0
    tail = 2 * (a[BLOCKS] - 1) * lanes
    for lane in range(c, lanes, a[C]):
        if a[ROWS]:
            first += get(sums, lane)
            second += get(sums, lanes + lane)
        if lane < a[TAIL]:
            first += get(sums, tail + lane)
            second += get(sums, tail + lanes + lane)
    return first, second


@step
def careful_sums(x, dy, masks, c, channels, count, center, scale, shift, differentiate, add):
    """The sums of `sum_gradients` over a channel in float64: where a product overflowed the type of x."""
    first, second = 0.0, 0.0
    for row in range(count):
        at = row * channels + c
        # A value alone, in lane at % 8, where its bit is; the other lanes add nothing.
        distance = alone(get(x, at), at % 8, center) - center
        e = alone(get(dy, at), at % 8, full(center, 0.0))
        g = pass_back(distance, e, masks, at // 8, scale, shift, differentiate, add)
        first += total(widen(g))
        second += total(widen(g) * widen(distance))
    return first, second


@step
def finish_backward(a, c, sum_dy, sum_dy_x, mean, var, dweight, dbias, table, number):
    """From a channel's two sums: dweight, dbias and the numbers of the way back for its lanes."""
    lanes, eps = a[LANES], as_float(a[EPS])
    m, v, weight = get(mean, c), get(var, c), parameter(a[WEIGHT], number, c, 1.0)
    sum_dy_x += (np.float64(get(table, CENTER * lanes + c)) - m) * sum_dy
    put(dbias, c, number(sum_dy))
    put(dweight, c, number(sum_dy_x / math.sqrt(v + eps)))
    for lane in range(c, lanes, a[C]):
        set_backward(table, lanes, lane, m, v, weight, sum_dy, sum_dy_x, a[COUNT], eps, number)


def merge_backward(storage, number, name, add):
    """The merge of the way back."""
    _, differentiate = activation(name, number)

    @cfunc(KERNEL, error_model="numpy")
    def columns_merge(a):
        x, dy, masks = view(a[X], storage), view(a[DY], storage), view(a[MASKS], np.uint8)
        mean, var, sums = view(a[MEAN], np.float64), view(a[VAR], np.float64), view(a[SUMS], np.float64)
        dweight, dbias, table = view(a[DWEIGHT], number), view(a[DBIAS], number), view(a[TABLE], number)
        channels, lanes = a[C], a[LANES]
        while True:
            unit = take_ticket(a)
            if unit >= a[UNITS]:
                return
            begin, end = channels_of(a, unit)
            if a[ROWS]:  # else the first block is the tail's
                merge_sums(a, sums, begin, end if lanes == channels else lanes)
            for c in range(begin, end):
                sum_dy, sum_dy_x = channel_sums(a, c, sums)
                if not (math.isfinite(sum_dy) and math.isfinite(sum_dy_x)):
                    center, scale, shift = way_forward(table, lanes, c)
                    sum_dy, sum_dy_x = careful_sums(
                        *(x, dy, masks, c, channels, a[COUNT], center, scale, shift, differentiate, add)
                    )
                finish_backward(a, c, sum_dy, sum_dy_x, mean, var, dweight, dbias, table, number)

    return columns_merge


@step
def differentiate_lanes(x, dy, dx, masks, dresidual, table, at, j, count, lanes, training, stream, differentiate, add):
    """Up to eight values of dx, and with a residual of its gradient."""
    center, scale, shift = lane_forward(table, lanes, j)
    distance, e = some(x, at, count, center) - center, some(dy, at, count, center)
    g = pass_back(distance, e, masks, at // 8, scale, shift, differentiate, add)
    result = g * read(table, OF_DY * lanes + j)
    if training:  # else the statistics are constants; 0 * x would make a NaN of an infinite x
        result = result + (distance * read(table, OF_X * lanes + j) + read(table, CONSTANT * lanes + j))
    give(dx, at, count, result, stream)
    if add:
        give(dresidual, at, count, g, stream)


@step
def differentiate_rows(
    x, dy, dx, masks, dresidual, table, first, last, left, right, lanes, training, stream, differentiate, add
):
    """The values of dx of a unit."""
    for row in range(first, last):
        at = row * lanes
        for j in range(left, right - 7, 8):
            differentiate_lanes(
                *(x, dy, dx, masks, dresidual, table, at + j, j, 8, lanes, training, stream, differentiate, add)
            )
        rest = (right - left) % 8
        if rest:
            j = right - rest
            differentiate_lanes(
                *(x, dy, dx, masks, dresidual, table, at + j, j, rest, lanes, training, stream, differentiate, add)
            )


def backward(storage, number, name, add):
    """The second sweep back."""
    _, differentiate = activation(name, number)

    @cfunc(KERNEL, error_model="numpy")
    def columns_backward(a):
        x, dy, dx = view(a[X], storage), view(a[DY], storage), view(a[DX], storage)
        masks, dresidual, table = view(a[MASKS], np.uint8), view(a[DRESIDUAL], storage), view(a[TABLE], number)
        units, lanes, training, stream = a[UNITS], a[LANES], a[TRAINING] != 0, a[STREAM] != 0
        while True:
            unit = take_ticket(a)
            if unit >= units:
                return
            _, first, last, left, right = bounds(a, units - 1 - unit)
            differentiate_rows(
                *(x, dy, dx, masks, dresidual, table, first, last, left, right, lanes),
                *(training, stream, differentiate, add),
            )

    return columns_backward
