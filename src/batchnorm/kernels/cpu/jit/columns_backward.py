"""Batch norm where channels are columns, the way back: two sweeps with a merge between them, as in `columns`."""

import math

import numpy as np
from numba import cfunc

from .activations import activation
from .columns import channels_of, lane_forward, rows_of
from .lanes import KERNEL, full, spread, step, total, widen
from .memory import (
    alone,
    get,
    give,
    prefetch_like,
    read,
    some,
    take_ticket,
    view,
    write,
)
from .parameters import CONSTANT, OF_DY, OF_X, finish_sums, way_forward
from .rows import pass_back
from .slots import (
    BLOCKS,
    COUNT,
    DRESIDUAL,
    DX,
    DY,
    LANES,
    MASKS,
    PARTIAL,
    ROWS,
    STREAM,
    SUMS,
    TABLE,
    TAIL,
    TRAINING,
    UNITS,
    C,
    X,
)
from .sweeps import add_to, bounds, sum_by, write_by


def sum_with(derivative, add):
    """Make the step of `sum_by` that adds the gradients, and their products with x - center."""

    @step
    def sum_lanes(top, bottom, j, count, read, ahead, stride, lanes, partial, at, x, dy, masks, table):
        center, scale, shift = lane_forward(table, lanes, j, read)
        zero = full(center, 0.0)
        one, two = zero, zero
        for row in range(top, bottom):
            here, there = row * lanes + j, ahead + (row - top) * stride
            prefetch_like(x, there, center)
            prefetch_like(dy, there, center)
            distance, e = some(x, here, count, center) - center, some(dy, here, count, zero)
            g = pass_back(distance, e, masks, here // 8, scale, shift, derivative, add)
            one = one + g
            two = two + g * distance
        add_to(partial, at + j, one)
        add_to(partial, at + lanes + j, two)

    return sum_lanes


def sum_gradients(storage, number, name, add):
    """The first sweep back: the sums of every block."""
    _, derivative = activation(name, number)
    sweep = sum_by(sum_with(derivative, add), storage, number, 2)

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
            sweep(first, last, left, right, lanes, sums, partial, at, x, dy, masks, table)

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
def careful_sums(x, dy, masks, c, channels, count, center, scale, shift, derivative, add):
    """The sums of `sum_rows` over a channel in float64: where a product overflowed the type of x."""
    first, second = 0.0, 0.0
    for row in range(count):
        at = row * channels + c
        # A value alone, in lane at % 8, where its bit is; the other lanes add nothing.
        distance = alone(get(x, at), at % 8, center) - center
        e = alone(get(dy, at), at % 8, full(center, 0.0))
        g = pass_back(distance, e, masks, at // 8, scale, shift, derivative, add)
        first += total(widen(g))
        second += total(widen(g) * widen(distance))
    return first, second


def merge(storage, number, name, add):
    """The merge of the way back."""
    _, derivative = activation(name, number)

    @cfunc(KERNEL, error_model="numpy")
    def columns_merge(a):
        x, dy, masks = view(a[X], storage), view(a[DY], storage), view(a[MASKS], np.uint8)
        sums, table = view(a[SUMS], np.float64), view(a[TABLE], number)
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
                        *(x, dy, masks, c, channels, a[COUNT], center, scale, shift, derivative, add)
                    )
                finish_sums(a, table, lanes, c, sum_dy, sum_dy_x, number)

    return columns_merge


def differentiate_with(derivative, add):
    """Make the step of `write_by` for dx, and with a residual for its gradient."""

    @step
    def differentiate_lanes(at, j, count, read, lanes, x, dy, dx, masks, dresidual, table, training, stream):
        center, scale, shift = lane_forward(table, lanes, j, read)
        distance, e = some(x, at, count, center) - center, some(dy, at, count, center)
        g = pass_back(distance, e, masks, at // 8, scale, shift, derivative, add)
        result = g * read(table, OF_DY * lanes + j)
        if training:  # else the statistics are constants; 0 * x would make a NaN of an infinite x
            result = result + (distance * read(table, OF_X * lanes + j) + read(table, CONSTANT * lanes + j))
        give(dx, at, count, result, stream)
        if add:
            give(dresidual, at, count, g, stream)

    return differentiate_lanes


def differentiate(storage, number, name, add):
    """The second sweep back."""
    _, derivative = activation(name, number)
    sweep = write_by(differentiate_with(derivative, add), number)

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
            sweep(first, last, left, right, lanes, x, dy, dx, masks, dresidual, table, training, stream)

    return columns_backward
