"""Batch norm where a channel is made of rows: x (N, C, L) with dense rows, which every contiguous (N, C, *) is.

A unit of work is a group of neighbouring channels. All that happens to a group happens at once, while it is in the
cache: x is read from memory once in each direction. Several channels make a group where their rows are short, so
that memory is walked in long runs; it changes no result, for each channel has sums of its own.
"""

import math

import numpy as np
from numba import cfunc

from . import moments
from .activations import activation
from .lanes import KERNEL, full, invert, spread, step, total, where, widen
from .masks import read_mask, write_mask
from .memory import get, give, loaded, put, read, read_some, take_ticket, view, write_some
from .parameters import finish_sums, move_running, set_ways, way_back, way_forward
from .slots import (
    DRESIDUAL,
    DX,
    DX_ALONE,
    DY,
    GROUP,
    MASKS,
    MEAN,
    PHASE,
    RESIDUAL,
    STREAM,
    SUMS,
    SUMS_ALONE,
    TABLE,
    TRAINING,
    UNITS,
    VAR,
    X_C,
    X_N,
    C,
    L,
    N,
    X,
    Y,
)


@step
def find_moments(a, x, n, length, number, first, last):
    """Mean and biased variance of a group of channels, which move the running ones."""
    x_n, x_c = a[X_N], a[X_C]
    mean, var, sums = view(a[MEAN], np.float64), view(a[VAR], np.float64), view(a[SUMS], np.float64)
    short = length < 32
    if short:
        for c in range(first, last):
            moments.start_short(x, c * x_c, n, x_n, sums, 3 * c)
    for i in range(n):
        for c in range(first, last):
            moments.add_row(x, i * x_n + c * x_c, length, sums, 3 * c, i == 0 and not short)
    for c in range(first, last):
        middle, spread_, believed = moments.finish(sums, 3 * c, n * length)
        if not believed:
            middle, spread_ = moments.careful(x, c * x_c, n, x_n, length, 1)
        put(mean, c, middle)
        put(var, c, spread_)
        move_running(a, c, middle, spread_, number)


@step
def normalize_row(x, x_at, y, y_at, residual, masks, m_at, length, table, c, channels, stream, activate, add):
    """One row of the output, and with a residual the bits that say where ReLU let it pass."""
    center, scale, shift = way_forward(table, channels, c)
    for at in range(0, length - 7, 8):
        t = (read(x, x_at + at) - center) * scale + shift
        if add:
            t = t + read(residual, y_at + at)
            write_mask(masks, m_at + at // 8, invert(t <= full(t, 0.0)))
        give(y, y_at + at, 8, activate(t), stream)
    count = length % 8
    if count:
        at = length - count
        t = (read_some(x, x_at + at, count, center) - center) * scale + shift
        if add:
            t = t + read_some(residual, y_at + at, count, center)
            write_mask(masks, m_at + at // 8, invert(t <= full(t, 0.0)))
        write_some(y, y_at + at, count, activate(t))


@step
def pass_back(difference, dy, masks, byte, scale, shift, differentiate, add):
    """The gradient behind the last step, for some values: by the bits of the sum, or by x itself."""
    dy = loaded(dy)
    if add:
        return where(read_mask(masks, byte, dy), dy, full(dy, 0.0))
    return differentiate(difference * scale + shift, dy)


@step
def sum_row(x, x_at, dy, y_at, masks, m_at, length, table, c, channels, sums, differentiate, add):
    """Add a row's gradient, and its product with x - center, to the channel's sums."""
    center, scale, shift = way_forward(table, channels, c)
    first = spread(0.0)
    second = first
    at = 0
    while at + 32 <= length:
        d0, d1 = read(x, x_at + at) - center, read(x, x_at + at + 8) - center
        d2, d3 = read(x, x_at + at + 16) - center, read(x, x_at + at + 24) - center
        byte = m_at + at // 8
        g0 = pass_back(d0, read(dy, y_at + at), masks, byte, scale, shift, differentiate, add)
        g1 = pass_back(d1, read(dy, y_at + at + 8), masks, byte + 1, scale, shift, differentiate, add)
        g2 = pass_back(d2, read(dy, y_at + at + 16), masks, byte + 2, scale, shift, differentiate, add)
        g3 = pass_back(d3, read(dy, y_at + at + 24), masks, byte + 3, scale, shift, differentiate, add)
        first = first + widen((g0 + g1) + (g2 + g3))
        second = second + widen((g0 * d0 + g1 * d1) + (g2 * d2 + g3 * d3))
        at += 32
    while at < length:
        count = length - at
        if count >= 8:
            d, e = read(x, x_at + at) - center, read(dy, y_at + at)
        else:
            d = read_some(x, x_at + at, count, center) - center
            e = read_some(dy, y_at + at, count, full(center, 0.0))
        g = pass_back(d, e, masks, m_at + at // 8, scale, shift, differentiate, add)
        first = first + widen(g)
        second = second + widen(g * d)
        at += 8
    put(sums, 3 * c, get(sums, 3 * c) + total(first))
    put(sums, 3 * c + 1, get(sums, 3 * c + 1) + total(second))


@step
def careful_sums(x, x_at, x_n, dy, y_at, y_n, masks, m_at, m_n, n, length, table, c, channels, differentiate, add):
    """The sums of `sum_row` over a whole channel in float64: where a product overflowed the type of x."""
    center, scale, shift = way_forward(table, channels, c)
    first = spread(0.0)
    second = first
    for i in range(n):
        for at in range(0, length, 8):
            count = length - at
            if count > 8:
                count = 8
            d = read_some(x, x_at + i * x_n + at, count, center) - center
            e = read_some(dy, y_at + i * y_n + at, count, full(center, 0.0))
            g = pass_back(d, e, masks, m_at + i * m_n + at // 8, scale, shift, differentiate, add)
            first = first + widen(g)
            second = second + widen(g) * widen(d)
    return total(first), total(second)


@step
def differentiate_row(
    x, x_at, dy, dx, y_at, masks, m_at, dresidual, length, table, c, channels, training, stream, differentiate, add
):
    """One row of dx, and with a residual of its gradient."""
    center, scale, shift = way_forward(table, channels, c)
    of_dy, of_x, constant = way_back(table, channels, c)
    for at in range(0, length - 7, 8):
        d = read(x, x_at + at) - center
        g = pass_back(d, read(dy, y_at + at), masks, m_at + at // 8, scale, shift, differentiate, add)
        # In evaluation the statistics are constants; 0 * x would make a NaN of an infinite x.
        give(dx, y_at + at, 8, g * of_dy + (d * of_x + constant) if training else g * of_dy, stream)
        if add:
            give(dresidual, y_at + at, 8, g, stream)
    count = length % 8
    if count:
        at = length - count
        d = read_some(x, x_at + at, count, center) - center
        e = read_some(dy, y_at + at, count, center)
        g = pass_back(d, e, masks, m_at + at // 8, scale, shift, differentiate, add)
        write_some(dx, y_at + at, count, g * of_dy + (d * of_x + constant) if training else g * of_dy)
        if add:
            write_some(dresidual, y_at + at, count, g)


def moments_alone(storage, number):
    """The kernel from x to its moments; one unit is a group of channels."""

    @cfunc(KERNEL, error_model="numpy")
    def rows_moments(a):
        x, n, length = view(a[X], storage), a[N], a[L]
        while True:
            unit = take_ticket(a)
            if unit >= a[UNITS]:
                return
            first, last = unit * a[GROUP], (unit + 1) * a[GROUP]
            if last > a[C]:
                last = a[C]
            find_moments(a, x, n, length, number, first, last)

    return rows_moments


def forward(storage, number, name, add):
    """The kernel from x to y; one unit is a group of channels."""
    activate, _ = activation(name, number)

    @cfunc(KERNEL, error_model="numpy")
    def rows_forward(a):
        x, y = view(a[X], storage), view(a[Y], storage)
        residual, masks = view(a[RESIDUAL], storage), view(a[MASKS], np.uint8)
        table, n, channels, length = view(a[TABLE], number), a[N], a[C], a[L]
        units, group, x_n, x_c, stream = a[UNITS], a[GROUP], a[X_N], a[X_C], a[STREAM] != 0
        row_bytes = (length + 7) // 8
        while True:
            unit = take_ticket(a)
            if unit >= units:
                return
            first, last = unit * group, (unit + 1) * group
            if last > channels:
                last = channels
            if a[TRAINING]:
                find_moments(a, x, n, length, number, first, last)
            for c in range(first, last):
                set_ways(a, table, channels, c, number)
            for i in range(n):
                for c in range(first, last):
                    row = i * channels + c
                    normalize_row(
                        *(x, i * x_n + c * x_c, y, row * length, residual, masks, row * row_bytes),
                        *(length, table, c, channels, stream, activate, add),
                    )

    return rows_forward


@step
def sum_group(a, x, dy, masks, table, sums, first, last, number, differentiate, add):
    """Both sums of a group of channels, and what follows from them."""
    n, channels, length, x_n, x_c = a[N], a[C], a[L], a[X_N], a[X_C]
    row_bytes = (length + 7) // 8
    for c in range(first, last):
        moments.start(sums, 3 * c, 0.0)
    for i in range(n):
        for c in range(first, last):
            row = i * channels + c
            sum_row(
                *(x, i * x_n + c * x_c, dy, row * length, masks, row * row_bytes, length),
                *(table, c, channels, sums, differentiate, add),
            )
    for c in range(first, last):
        sum_dy, sum_dy_x = get(sums, 3 * c), get(sums, 3 * c + 1)
        if not (math.isfinite(sum_dy) and math.isfinite(sum_dy_x)):
            sum_dy, sum_dy_x = careful_sums(
                *(x, c * x_c, x_n, dy, c * length, channels * length, masks, c * row_bytes),
                *(channels * row_bytes, n, length, table, c, channels, differentiate, add),
            )
        finish_sums(a, table, channels, c, sum_dy, sum_dy_x, number)


def backward(storage, number, name, add):
    """The kernel from dy to dx, dweight and dbias (and dresidual); one unit is a group of channels."""
    _, differentiate = activation(name, number)

    @cfunc(KERNEL, error_model="numpy")
    def rows_backward(a):
        x, dy, dx = view(a[X], storage), view(a[DY], storage), view(a[DX], storage)
        masks, dresidual = view(a[MASKS], np.uint8), view(a[DRESIDUAL], storage)
        table, sums = view(a[TABLE], number), view(a[SUMS], np.float64)
        n, channels, length, x_n, x_c = a[N], a[C], a[L], a[X_N], a[X_C]
        units, group, training, stream = a[UNITS], a[GROUP], a[TRAINING] != 0, a[STREAM] != 0
        row_bytes = (length + 7) // 8
        while True:
            unit = take_ticket(a)
            if unit >= units:
                return
            first, last = unit * group, (unit + 1) * group
            if last > channels:
                last = channels
            for c in range(first, last):
                set_ways(a, table, channels, c, number)
            if a[PHASE] != DX_ALONE:
                sum_group(a, x, dy, masks, table, sums, first, last, number, differentiate, add)
            if a[PHASE] == SUMS_ALONE:
                continue
            for i in range(n):
                for c in range(first, last):
                    row = i * channels + c
                    differentiate_row(
                        *(x, i * x_n + c * x_c, dy, dx, row * length, masks, row * row_bytes, dresidual),
                        *(length, table, c, channels, training, stream, differentiate, add),
                    )

    return rows_backward
