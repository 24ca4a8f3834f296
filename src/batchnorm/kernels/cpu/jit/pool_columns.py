"""Batch norm, ReLU and max-pool 2×2 of a channels_last (N, C, H, W): eight channels of a window at once.

The statistics are those of `columns`; these kernels are the other sweeps. A unit of work is a run of pairs of rows of
images, each of which makes one row of the output. An odd image's last row is nobody's pair, but has a gradient.
"""

import numpy as np
from numba import cfunc

from .lanes import KERNEL, full, spread, step, widen
from .memory import get, give, prefetch, read, some, take_ticket, view, write
from .parameters import CENTER, CONSTANT, OF_DY, OF_X, SCALE, SHIFT, finish_sums
from .slots import (
    BLOCKS,
    DX,
    DY,
    GROUP,
    HEIGHT,
    IMAGE_WIDTH,
    LANES,
    MASKS,
    SUMS,
    TABLE,
    TRAINING,
    UNITS,
    C,
    N,
    X,
    Y,
)
from .windows import alive, pool, scatter, winner


@step
def window(x, at, count, channels, below, fill):
    """The four values of a window for up to eight channels; the same window of the next pair of rows is asked for."""
    prefetch(x, at + 2 * below)
    prefetch(x, at + 2 * below + channels)
    prefetch(x, at + 3 * below)
    prefetch(x, at + 3 * below + channels)
    v00, v01 = some(x, at, count, fill), some(x, at + channels, count, fill)
    return v00, v01, some(x, at + below, count, fill), some(x, at + below + channels, count, fill)


@step
def pool_window(x, at, y, y_at, masks, byte, c, count, channels, below, table, lanes):
    """The largest of a window, for up to eight channels."""
    center, scale = read(table, CENTER * lanes + c), read(table, SCALE * lanes + c)
    shift = read(table, SHIFT * lanes + c)
    v00, v01, v10, v11 = window(x, at, count, channels, below, center)
    t00, t01 = (v00 - center) * scale + shift, (v01 - center) * scale + shift
    t10, t11 = (v10 - center) * scale + shift, (v11 - center) * scale + shift
    give(y, y_at, count, pool(t00, t01, t10, t11, masks, byte), False)


@step
def pool_pair(x, x_at, y, y_at, masks, m_at, width, channels, table, lanes):
    """One row of the output from two of the image. Whole vectors come first: a constant count leaves no branch."""
    below, octets, rest = width * channels, (channels + 7) // 8, channels % 8
    for w in range(width // 2):
        at, to, byte = x_at + 2 * w * channels, y_at + w * channels, m_at + 4 * w * octets
        for c in range(0, channels - 7, 8):
            pool_window(x, at + c, y, to + c, masks, byte + c // 2, c, 8, channels, below, table, lanes)
        if rest:
            c = channels - rest
            pool_window(x, at + c, y, to + c, masks, byte + c // 2, c, rest, channels, below, table, lanes)


@step
def sum_window(x, here, dy, dy_at, masks, byte, c, count, channels, below, table, lanes, sums, at):
    """Add a window's gradient to the unit's sums, for up to eight channels."""
    center = read(table, CENTER * lanes + c)
    v00, v01, v10, v11 = window(x, here, count, channels, below, center)
    best = winner(v00, v01, v10, v11, masks, byte)
    g = widen(alive(some(dy, dy_at, count, full(center, 0.0)), masks, byte))
    write(sums, at + c, read(sums, at + c) + g)
    write(sums, at + lanes + c, read(sums, at + lanes + c) + g * widen(best - center))


@step
def sum_pair(x, x_at, dy, dy_at, masks, m_at, width, channels, table, lanes, sums, at):
    """Add one row's gradient to the unit's sums."""
    below, octets, rest = width * channels, (channels + 7) // 8, channels % 8
    for w in range(width // 2):
        here, to, byte = x_at + 2 * w * channels, dy_at + w * channels, m_at + 4 * w * octets
        for c in range(0, channels - 7, 8):
            sum_window(*(x, here + c, dy, to + c, masks, byte + c // 2, c, 8, channels, below, table, lanes, sums, at))
        if rest:
            c = channels - rest
            sum_window(
                *(x, here + c, dy, to + c, masks, byte + c // 2, c, rest, channels, below, table, lanes, sums, at)
            )


@step
def rest_of(x, dx, begin, end, channels, table, lanes, training):
    """Dx of pixels that no window covers."""
    for pixel in range(begin, end, channels):
        for c in range(0, channels, 8):
            count, center = channels - c, read(table, CENTER * lanes + c)
            value = full(center, 0.0)
            if training:
                value = (some(x, pixel + c, count, center) - center) * read(table, OF_X * lanes + c)
                value = value + read(table, CONSTANT * lanes + c)
            give(dx, pixel + c, count, value, False)


@step
def differentiate_window(x, dx, at, dy, dy_at, masks, byte, c, count, channels, below, table, lanes, training):
    """The four values of dx of a window, for up to eight channels."""
    center = read(table, CENTER * lanes + c)
    e = some(dy, dy_at, count, full(center, 0.0))
    g00, g01, g10, g11 = scatter(alive(e, masks, byte) * read(table, OF_DY * lanes + c), masks, byte)
    if training:
        of_x, constant = read(table, OF_X * lanes + c), read(table, CONSTANT * lanes + c)
        v00, v01, v10, v11 = window(x, at, count, channels, below, center)
        g00, g01 = g00 + ((v00 - center) * of_x + constant), g01 + ((v01 - center) * of_x + constant)
        g10, g11 = g10 + ((v10 - center) * of_x + constant), g11 + ((v11 - center) * of_x + constant)
    give(dx, at, count, g00, False)
    give(dx, at + channels, count, g01, False)
    give(dx, at + below, count, g10, False)
    give(dx, at + below + channels, count, g11, False)


@step
def differentiate_pair(x, dx, x_at, dy, dy_at, masks, m_at, width, channels, table, lanes, training):
    """Dx of two rows of an image."""
    below, octets, rest = width * channels, (channels + 7) // 8, channels % 8
    for w in range(width // 2):
        at, to, byte = x_at + 2 * w * channels, dy_at + w * channels, m_at + 4 * w * octets
        for c in range(0, channels - 7, 8):
            differentiate_window(
                *(x, dx, at + c, dy, to + c, masks, byte + c // 2, c, 8, channels, below, table, lanes, training)
            )
        if rest:
            c = channels - rest
            differentiate_window(
                *(x, dx, at + c, dy, to + c, masks, byte + c // 2, c, rest, channels, below, table, lanes, training)
            )
    if width % 2:
        rest_of(x, dx, x_at + (width - 1) * channels, x_at + below, channels, table, lanes, training)
        rest_of(x, dx, x_at + below + (width - 1) * channels, x_at + 2 * below, channels, table, lanes, training)


@step
def places(a, pair):
    """Where a pair of rows begins in x, in y and in the masks."""
    channels, height, width = a[C], a[HEIGHT], a[IMAGE_WIDTH]
    image, h = pair // (height // 2), pair % (height // 2)
    return (
        (image * height + 2 * h) * width * channels,
        pair * (width // 2) * channels,
        pair * (width // 2) * ((channels + 7) // 8) * 4,
    )


@step
def run_of(a, unit):
    """The pairs of rows of a unit."""
    first, last, pairs = unit * a[GROUP], (unit + 1) * a[GROUP], a[N] * (a[HEIGHT] // 2)
    return first, last if last < pairs else pairs


def forward(storage, number):
    """The second sweep forward."""

    @cfunc(KERNEL, error_model="numpy")
    def pool_columns_forward(a):
        x, y, masks, table = view(a[X], storage), view(a[Y], storage), view(a[MASKS], np.uint8), view(a[TABLE], number)
        units, channels, width, lanes = a[UNITS], a[C], a[IMAGE_WIDTH], a[LANES]
        while True:
            unit = take_ticket(a)
            if unit >= units:
                return
            first, last = run_of(a, units - 1 - unit)
            for pair in range(first, last):
                x_at, y_at, m_at = places(a, pair)
                pool_pair(x, x_at, y, y_at, masks, m_at, width, channels, table, lanes)

    return pool_columns_forward


def sum_gradients(storage, number):
    """The first sweep back."""

    @cfunc(KERNEL, error_model="numpy")
    def pool_columns_sums(a):
        x, dy, masks, table = (
            view(a[X], storage),
            view(a[DY], storage),
            view(a[MASKS], np.uint8),
            view(a[TABLE], number),
        )
        sums, units, channels, width, lanes = view(a[SUMS], np.float64), a[UNITS], a[C], a[IMAGE_WIDTH], a[LANES]
        while True:
            unit = take_ticket(a)
            if unit >= units:
                return
            for c in range(0, 2 * lanes, 8):
                write(sums, 2 * unit * lanes + c, spread(0.0))
            first, last = run_of(a, unit)
            for pair in range(first, last):
                x_at, y_at, m_at = places(a, pair)
                sum_pair(x, x_at, dy, y_at, masks, m_at, width, channels, table, lanes, sums, 2 * unit * lanes)

    return pool_columns_sums


def merge(storage, number):
    """The merge of the way back."""

    @cfunc(KERNEL, error_model="numpy")
    def pool_columns_merge(a):
        sums, table, lanes, blocks = view(a[SUMS], np.float64), view(a[TABLE], number), a[LANES], a[BLOCKS]
        for c in range(a[C]):  # so few that one thread does them
            sum_dy, sum_dy_x = 0.0, 0.0
            for block in range(blocks):
                sum_dy += get(sums, 2 * block * lanes + c)
                sum_dy_x += get(sums, (2 * block + 1) * lanes + c)
            finish_sums(a, table, lanes, c, sum_dy, sum_dy_x, number)

    return pool_columns_merge


def differentiate(storage, number):
    """The second sweep back."""

    @cfunc(KERNEL, error_model="numpy")
    def pool_columns_backward(a):
        x, dy, dx, masks = view(a[X], storage), view(a[DY], storage), view(a[DX], storage), view(a[MASKS], np.uint8)
        table, units, channels, lanes = view(a[TABLE], number), a[UNITS], a[C], a[LANES]
        height, width, training = a[HEIGHT], a[IMAGE_WIDTH], a[TRAINING] != 0
        while True:
            unit = take_ticket(a)
            if unit >= units:
                return
            first, last = run_of(a, units - 1 - unit)
            for pair in range(first, last):
                x_at, y_at, m_at = places(a, pair)
                differentiate_pair(x, dx, x_at, dy, y_at, masks, m_at, width, channels, table, lanes, training)
                if height % 2 and (pair + 1) % (height // 2) == 0:
                    end = x_at + 3 * width * channels
                    rest_of(x, dx, x_at + 2 * width * channels, end, channels, table, lanes, training)

    return pool_columns_backward
