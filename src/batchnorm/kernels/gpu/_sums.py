"""What Triton compiles. A tensor is read once, as (n, c, s) with any strides, and every sum is one of float64.

Sums are taken of each value less a pivot, the first value of its channel: a large mean costs no digits, and a channel
of one number has a variance of 0. A program sums a part of the values of some channels; how many parts there are
follows from the shape, the layout and the device, so that the same tensor gives the same bits.
"""

import triton
import triton.language as tl

PARTS = tl.constexpr(32)
"""Parts that are merged side by side."""


@triton.jit
def _pivot(x, c, inside, stride_c):
    return tl.load(x + c.to(tl.int64) * stride_c, mask=inside, other=0.0).to(tl.float64)


@triton.jit(do_not_specialize=["channels", "length", "values", "share"])
def sum_parts(
    x,
    parts,
    channels,
    length,
    values,
    share,
    stride_n,
    stride_c,
    stride_s,
    tile: tl.constexpr,
    together: tl.constexpr,
):
    """Write sums of (x - pivot) and of (x - pivot)**2 of one part of the values of `together` channels."""
    part = tl.program_id(1)
    c = tl.program_id(0) * together + tl.arange(0, together)
    inside = c < channels
    pivot = _pivot(x, c, inside, stride_c)
    first = tl.zeros([tile, together], tl.float64)
    second = tl.zeros([tile, together], tl.float64)
    start = part * share
    end = start + tl.minimum(share, values - start)  # (part + 1) * share may be more than 32 bits hold
    for begin in range(start, end, tile):
        value = begin + tl.arange(0, tile)
        n = value // length
        row = n.to(tl.int64) * stride_n + (value - n * length).to(tl.int64) * stride_s
        mask = (value < end)[:, None] & inside[None, :]
        read = tl.load(x + row[:, None] + (c.to(tl.int64) * stride_c)[None, :], mask=mask, other=0.0)
        delta = tl.where(mask, read.to(tl.float64) - pivot[None, :], 0.0)
        first += delta
        second += delta * delta
    tl.store(parts + 2 * part * channels + c, tl.sum(first, 0), mask=inside)
    tl.store(parts + (2 * part + 1) * channels + c, tl.sum(second, 0), mask=inside)


@triton.jit(do_not_specialize=["channels", "values", "count"])
def merge_parts(x, parts, moments, channels, values, count, stride_c, together: tl.constexpr):
    """Write mean and biased variance, made of the sums of all parts."""
    c = tl.program_id(0) * together + tl.arange(0, together)
    inside = c < channels
    first = tl.zeros([PARTS, together], tl.float64)
    second = tl.zeros([PARTS, together], tl.float64)
    for begin in range(0, count, PARTS):
        part = begin + tl.arange(0, PARTS)
        mask = (part < count)[:, None] & inside[None, :]
        place = parts + 2 * part[:, None] * channels + c[None, :]
        first += tl.load(place, mask=mask, other=0.0)
        second += tl.load(place + channels, mask=mask, other=0.0)
    shift = tl.sum(first, 0) / values
    var = tl.sum(second, 0) / values - shift * shift
    tl.store(moments + c, _pivot(x, c, inside, stride_c) + shift, mask=inside)
    tl.store(moments + channels + c, tl.where(var < 0, 0.0, var), mask=inside)  # NaN stays
