"""Batch norm, ReLU and max-pool 2×2 of a contiguous (N, C, H, W): as in `rows`, with eight windows of a row at once.

The output before the pool is never written. What the pool leaves out (the last row or column of an odd image) takes
part in the statistics, and so has a gradient.
"""

import numpy as np
from numba import cfunc

from . import moments
from .lanes import KERNEL, evens, full, odds, spread, step, total, widen, zip_high, zip_low
from .memory import get, put, read, read_some, take_ticket, view, write, write_some
from .parameters import finish_sums, set_ways, way_back, way_forward
from .rows import find_moments
from .slots import (
    DX,
    DX_ALONE,
    DY,
    GROUP,
    HEIGHT,
    IMAGE_WIDTH,
    MASKS,
    PHASE,
    SUMS,
    SUMS_ALONE,
    TABLE,
    TRAINING,
    UNITS,
    X_C,
    X_N,
    C,
    N,
    X,
    Y,
)
from .windows import alive, pool, scatter, winner


@step
def read_pairs(x, at, count, fill):
    """The left and the right values of up to eight windows of one row."""
    if count >= 8:
        low, high = read(x, at), read(x, at + 8)
    elif count > 4:
        low, high = read(x, at), read_some(x, at + 8, 2 * count - 8, fill)
    else:
        low, high = read_some(x, at, 2 * count, fill), fill
    return evens(low, high), odds(low, high)


@step
def write_pairs(dx, at, count, left, right):
    """The inverse of `read_pairs`."""
    low, high = zip_low(left, right), zip_high(left, right)
    if count >= 8:
        write(dx, at, low)
        write(dx, at + 8, high)
    elif count > 4:
        write(dx, at, low)
        write_some(dx, at + 8, 2 * count - 8, high)
    else:
        write_some(dx, at, 2 * count, low)


@step
def pool_plane(x, x_at, y, y_at, masks, m_at, height, width, table, c, channels):
    """The pooled output of one image's channel."""
    center, scale, shift = way_forward(table, channels, c)
    columns = width // 2
    for h in range(height // 2):
        for w in range(0, columns, 8):
            count = columns - w
            at = x_at + 2 * h * width + 2 * w
            v00, v01 = read_pairs(x, at, count, center)
            v10, v11 = read_pairs(x, at + width, count, center)
            t00, t01 = (v00 - center) * scale + shift, (v01 - center) * scale + shift
            t10, t11 = (v10 - center) * scale + shift, (v11 - center) * scale + shift
            byte = m_at + 4 * (h * ((columns + 7) // 8) + w // 8)
            out = pool(t00, t01, t10, t11, masks, byte)
            if count >= 8:
                write(y, y_at + h * columns + w, out)
            else:
                write_some(y, y_at + h * columns + w, count, out)


@step
def sum_plane(x, x_at, dy, y_at, masks, m_at, height, width, table, c, channels, sums):
    """Add one image's gradient to the channel's sums."""
    center, _, _ = way_forward(table, channels, c)
    columns = width // 2
    first = spread(0.0)
    second = first
    for h in range(height // 2):
        for w in range(0, columns, 8):
            count, here = columns - w, y_at + h * columns + w
            at = x_at + 2 * h * width + 2 * w
            byte = m_at + 4 * (h * ((columns + 7) // 8) + w // 8)
            v00, v01 = read_pairs(x, at, count, center)
            v10, v11 = read_pairs(x, at + width, count, center)
            e = read(dy, here) if count >= 8 else read_some(dy, here, count, full(center, 0.0))
            g = widen(alive(e, masks, byte))
            first = first + g
            second = second + g * widen(winner(v00, v01, v10, v11, masks, byte) - center)
    put(sums, 3 * c, get(sums, 3 * c) + total(first))
    put(sums, 3 * c + 1, get(sums, 3 * c + 1) + total(second))


@step
def differentiate_plane(x, x_at, dy, y_at, dx, dx_at, masks, m_at, height, width, table, c, channels, training):
    """One image's dx."""
    center, _, _ = way_forward(table, channels, c)
    of_dy, of_x, constant = way_back(table, channels, c)
    columns = width // 2
    for h in range(height // 2):
        for w in range(0, columns, 8):
            count, here = columns - w, y_at + h * columns + w
            at, to = x_at + 2 * h * width + 2 * w, dx_at + 2 * h * width + 2 * w
            byte = m_at + 4 * (h * ((columns + 7) // 8) + w // 8)
            e = read(dy, here) if count >= 8 else read_some(dy, here, count, full(center, 0.0))
            g00, g01, g10, g11 = scatter(alive(e, masks, byte) * of_dy, masks, byte)
            if training:
                v00, v01 = read_pairs(x, at, count, center)
                v10, v11 = read_pairs(x, at + width, count, center)
                g00, g01 = g00 + ((v00 - center) * of_x + constant), g01 + ((v01 - center) * of_x + constant)
                g10, g11 = g10 + ((v10 - center) * of_x + constant), g11 + ((v11 - center) * of_x + constant)
            write_pairs(dx, to, count, g00, g01)
            write_pairs(dx, to + width, count, g10, g11)
    for h in range(height):
        # What no window covers: nothing of an even row but its last value if the width is odd, all of an odd last row.
        begin = 2 * columns if h < height // 2 * 2 else 0
        for at in range(h * width + begin, (h + 1) * width):
            value = (spread(get(x, x_at + at)) - center) * of_x + constant if training else full(center, 0.0)
            write_some(dx, dx_at + at, 1, value)


def forward(storage, number):
    """The kernel from x to the pooled y; one unit is a group of channels."""

    @cfunc(KERNEL, error_model="numpy")
    def pool_rows_forward(a):
        x, y, masks = view(a[X], storage), view(a[Y], storage), view(a[MASKS], np.uint8)
        table, n, channels, height, width = view(a[TABLE], number), a[N], a[C], a[HEIGHT], a[IMAGE_WIDTH]
        units, group, x_n, x_c = a[UNITS], a[GROUP], a[X_N], a[X_C]
        pooled, image_bytes = (height // 2) * (width // 2), 4 * (height // 2) * ((width // 2 + 7) // 8)
        while True:
            unit = take_ticket(a)
            if unit >= units:
                return
            first, last = unit * group, (unit + 1) * group
            if last > channels:
                last = channels
            if a[TRAINING]:
                find_moments(a, x, n, height * width, number, first, last)
            for c in range(first, last):
                set_ways(a, table, channels, c, number)
            for i in range(n):
                for c in range(first, last):
                    plane = i * channels + c
                    pool_plane(
                        *(x, i * x_n + c * x_c, y, plane * pooled, masks, plane * image_bytes),
                        *(height, width, table, c, channels),
                    )

    return pool_rows_forward


@step
def sum_group(a, x, dy, masks, table, sums, first, last, number):
    """Both sums of a group of channels, and what follows from them."""
    n, channels, height, width, x_n, x_c = a[N], a[C], a[HEIGHT], a[IMAGE_WIDTH], a[X_N], a[X_C]
    pooled, image_bytes = (height // 2) * (width // 2), 4 * (height // 2) * ((width // 2 + 7) // 8)
    for c in range(first, last):
        moments.start(sums, 3 * c, 0.0)
    for i in range(n):
        for c in range(first, last):
            plane = i * channels + c
            sum_plane(
                *(x, i * x_n + c * x_c, dy, plane * pooled, masks, plane * image_bytes),
                *(height, width, table, c, channels, sums),
            )
    for c in range(first, last):
        finish_sums(a, table, channels, c, get(sums, 3 * c), get(sums, 3 * c + 1), number)


def backward(storage, number):
    """The kernel from dy to dx, dweight and dbias; one unit is a group of channels."""

    @cfunc(KERNEL, error_model="numpy")
    def pool_rows_backward(a):
        x, dy, dx, masks = view(a[X], storage), view(a[DY], storage), view(a[DX], storage), view(a[MASKS], np.uint8)
        table, sums = view(a[TABLE], number), view(a[SUMS], np.float64)
        n, channels, height, width = a[N], a[C], a[HEIGHT], a[IMAGE_WIDTH]
        units, group, x_n, x_c, training = a[UNITS], a[GROUP], a[X_N], a[X_C], a[TRAINING] != 0
        pooled, image_bytes = (height // 2) * (width // 2), 4 * (height // 2) * ((width // 2 + 7) // 8)
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
                sum_group(a, x, dy, masks, table, sums, first, last, number)
            if a[PHASE] == SUMS_ALONE:
                continue
            for i in range(n):
                for c in range(first, last):
                    plane = i * channels + c
                    differentiate_plane(
                        *(x, i * x_n + c * x_c, dy, plane * pooled, dx, plane * height * width),
                        *(masks, plane * image_bytes, height, width, table, c, channels, training),
                    )

    return pool_rows_backward
