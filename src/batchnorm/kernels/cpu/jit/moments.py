"""Which sums make the moments of a channel, so that neither a large mean nor an outlier spoils them?

Values are summed around a pivot near their mean, in blocks; four vectors are added in the type that is computed in,
and their sum goes into float64. Blocks are merged in float64 around the mean of the first, or of all where blocks are
at hand. What overflows on the way, or is not finite, is summed again, slowly, in float64 and in two passes, as torch
does.
"""

import math

import numpy as np

from .lanes import full, spread, step, total, widen
from .memory import get, put, read, read_some

BLOCK = 4096
_SMALL = 256


@step
def _pivot(x, start, count):
    """The mean of the first 8 or 32, or of few the first value: one alone could be an outlier among many."""
    if count < 8:
        return get(x, start)
    if count < _SMALL:
        some = read(x, start)
        return total(some * full(some, 1 / 8))
    some = (read(x, start) + read(x, start + 8)) + (read(x, start + 16) + read(x, start + 24))
    return total(some * full(some, 1 / 32))


@step
def _sums(x, start, count, pivot):
    """The sums of x - pivot and of its square over a block of one row."""
    middle = spread(pivot)
    first = spread(0.0)
    second = first
    end = start + count
    at = start
    while at + 32 <= end:
        a, b = read(x, at) - middle, read(x, at + 8) - middle
        c, d = read(x, at + 16) - middle, read(x, at + 24) - middle
        first = first + widen((a + b) + (c + d))
        second = second + widen((a * a + b * b) + (c * c + d * d))
        at += 32
    while at < end:
        a = (read(x, at) if at + 8 <= end else read_some(x, at, end - at, middle)) - middle
        first = first + widen(a)
        second = second + widen(a * a)
        at += 8
    return total(first), total(second)


@step
def start(sums, at, pivot):
    """Begin a channel's sums, (S1, S2, K) at `at`: of x - K and of its square."""
    put(sums, at, 0.0)
    put(sums, at + 1, 0.0)
    put(sums, at + 2, np.float64(pivot))


@step
def start_short(x, begin, rows, row_step, sums, at):
    """Begin the sums of a channel of short rows, around the mean of the first values of up to 32 of them."""
    if rows > 32:
        rows = 32
    some = 0.0
    for i in range(rows):
        some += np.float64(get(x, begin + i * row_step))
    start(sums, at, some / rows)


@step
def add_block(sums, at, first, second, shift, count):
    """Add the sums of `count` values around K + shift to the channel's, which are around K."""
    put(sums, at, get(sums, at) + first + count * shift)
    put(sums, at + 1, get(sums, at + 1) + second + 2 * shift * first + count * shift * shift)


@step
def add_row(x, begin, length, sums, at, fresh):
    """Add a row's values to the channel's sums, which begin with it if it is `fresh`: around its own mean."""
    offset = 0
    while offset < length:
        count = length - offset
        if count > BLOCK:
            count = BLOCK
        pivot = _pivot(x, begin + offset, count)
        first, second = _sums(x, begin + offset, count, pivot)
        if fresh and offset == 0:
            start(sums, at, pivot + first / count)
        add_block(sums, at, first, second, pivot - get(sums, at + 2), count)
        offset += count


@step
def finish(sums, at, count):
    """Mean and biased variance of a channel, and whether they can be believed."""
    first, second = get(sums, at), get(sums, at + 1)
    mean = first / count
    var = second / count - mean * mean
    if var < 0.0:
        var = 0.0
    return get(sums, at + 2) + mean, var, math.isfinite(first) and math.isfinite(second)


@step
def careful(x, begin, outer, outer_step, inner, inner_step):
    """Mean and biased variance of a channel in two passes of float64: what is not finite comes out as in torch."""
    mean = 0.0
    for i in range(outer):
        for j in range(inner):
            mean += np.float64(get(x, begin + i * outer_step + j * inner_step))
    mean /= outer * inner
    var = 0.0
    for i in range(outer):
        for j in range(inner):
            difference = np.float64(get(x, begin + i * outer_step + j * inner_step)) - mean
            var += difference * difference
    return mean, var / (outer * inner)
