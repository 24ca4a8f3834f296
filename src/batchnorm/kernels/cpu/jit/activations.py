"""What is the last step, and what is its derivative? For eight numbers at once, with torch's choices at the corners.

A NaN compares false, and in each of these so comes through, as in torch.
"""

import math

import numpy as np

from .lanes import either, full, power_of_two, step, where

_LOG2_E = math.log2(math.e)
# ln 2 in two parts; the upper has so few bits that its product with an exponent is exact in float32.
_LN2_HIGH = 0.693359375
_LN2_LOW = math.log(2) - _LN2_HIGH


@step
def identity(t):
    """The value itself: no activation."""
    return t


@step
def identity_gradient(t, dy):
    """Pass dy on."""
    return dy


@step
def relu(t):
    """max(t, 0)."""
    zero = full(t, 0.0)
    return where(t < zero, zero, t)


@step
def relu_gradient(t, dy):
    """Dy where t > 0."""
    zero = full(t, 0.0)
    return where(t <= zero, zero, dy)


@step
def relu6(t):
    """min(max(t, 0), 6)."""
    zero, six = full(t, 0.0), full(t, 6.0)
    return where(t < zero, zero, where(t > six, six, t))


@step
def relu6_gradient(t, dy):
    """Dy where 0 < t < 6."""
    zero = full(t, 0.0)
    return where(either(t <= zero, t >= full(t, 6.0)), zero, dy)


@step
def hardswish(t):
    """T * relu6(t + 3) / 6."""
    zero, six = full(t, 0.0), full(t, 6.0)
    inner = t + full(t, 3.0)
    return t * where(inner < zero, zero, where(inner > six, six, inner)) / six


@step
def hardswish_gradient(t, dy):
    """Dy times 0 up to -3, t / 3 + 1/2, and 1 from 3 on."""
    three = full(t, 3.0)
    inner = where(t >= three, dy, dy * (t / three + full(t, 0.5)))
    return where(t <= full(t, -3.0), full(t, 0.0), inner)


def _silu(highest, round_up, degree):
    """SiLU and its derivative for a type: the largest argument of exp, 1.5 * 2**mantissa, the terms that exp needs."""
    coefficients = tuple(1 / math.factorial(k) for k in range(degree, -1, -1))

    @step
    def one_plus_exp_of_negative(t):
        # exp(v) = 2**n * exp(r) with |r| <= ln 2 / 2, where a power series of so many terms is exact to the type.
        v, top, bottom = full(t, 0.0) - t, full(t, highest), full(t, -highest)
        inside = where(v < top, v, top)
        inside = where(inside > bottom, inside, bottom)  # a NaN, too, becomes a number that has an exponent
        magic = full(t, round_up)
        n = (inside * full(t, _LOG2_E) + magic) - magic
        r = (inside - n * full(t, _LN2_HIGH)) - n * full(t, _LN2_LOW)
        series = full(t, coefficients[0])
        for k in range(1, degree + 1):
            series = series * r + full(t, coefficients[k])
        power = series * power_of_two(n)
        power = where(v >= top, full(t, np.inf), where(v <= bottom, full(t, 0.0), power))
        return full(t, 1.0) + power

    @step
    def silu(t):
        return t / one_plus_exp_of_negative(t)

    @step
    def silu_gradient(t, dy):
        one = full(t, 1.0)
        sigmoid = one / one_plus_exp_of_negative(t)
        return dy * sigmoid * (one + t * (one - sigmoid))

    return silu, silu_gradient


_SIMPLE = {
    "identity": (identity, identity_gradient),
    "relu": (relu, relu_gradient),
    "relu6": (relu6, relu6_gradient),
    "hardswish": (hardswish, hardswish_gradient),
}
_SILU = {np.float32: _silu(87.0, 1.5 * 2.0**23, 7), np.float64: _silu(708.0, 1.5 * 2.0**52, 13)}


def activation(name, number):
    """The activation of that name, and its derivative times dy, for lanes of that type."""
    return _SILU[number] if name == "silu" else _SIMPLE[name]
