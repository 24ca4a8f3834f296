"""With which numbers is a channel computed? A table of six rows, a column a channel (or a lane).

The step from x to y is (x - center) * scale + shift, where `center` is the mean rounded to the type that is computed
in. What the rounding took from the mean is in `shift`: a channel of mean 10,000 loses nothing. The step back is
dx = dy * of_dy + (x - center) * of_x + constant.
"""

import math

import numpy as np

from .lanes import spread, step
from .memory import as_float, get, put, view
from .slots import COUNT, MOMENTUM, RUNNING_MEAN, RUNNING_VAR

CENTER, SCALE, SHIFT, OF_DY, OF_X, CONSTANT = range(6)


@step
def parameter(address, dtype, channel, otherwise):
    """One channel's weight or bias as float64, or what stands for it where there is none."""
    return np.float64(get(view(address, dtype), channel)) if address else otherwise


@step
def move_running(a, c, mean, var, number):
    """Move one channel's running statistics, if there are any, towards the batch's; the unbiased variance is kept."""
    if a[RUNNING_MEAN]:
        momentum, count = as_float(a[MOMENTUM]), a[COUNT]
        means, variances = view(a[RUNNING_MEAN], number), view(a[RUNNING_VAR], number)
        put(means, c, number((1.0 - momentum) * np.float64(get(means, c)) + momentum * mean))
        unbiased = var * (count / (count - 1))
        put(variances, c, number((1.0 - momentum) * np.float64(get(variances, c)) + momentum * unbiased))


@step
def set_forward(table, stride, at, mean, var, weight, bias, eps, number):
    """Fill in the three numbers of one channel's way forward."""
    scale = weight / math.sqrt(var + eps)
    center = number(mean)
    put(table, CENTER * stride + at, center)
    put(table, SCALE * stride + at, number(scale))
    put(table, SHIFT * stride + at, number(bias + (np.float64(center) - mean) * scale))


@step
def around_mean(sum_dy, sum_dy_x, center, mean):
    """The sum of dy * (x - mean), from that of dy * (x - center)."""
    # Beside an infinite sum the correction is nothing, but could make a NaN of it.
    return sum_dy_x + (np.float64(center) - mean) * sum_dy if math.isfinite(sum_dy) else sum_dy_x


@step
def set_backward(table, stride, at, mean, var, weight, sum_dy, sum_dy_x, count, eps, number):
    """Fill in the three numbers of the way back; sum_dy_x is the sum of dy * (x - mean)."""
    invstd = 1 / math.sqrt(var + eps)
    scale = weight * invstd
    of_x = -scale * invstd * invstd * sum_dy_x / count
    constant = -scale * sum_dy / count
    if math.isfinite(of_x):  # see around_mean
        constant += (np.float64(get(table, CENTER * stride + at)) - mean) * of_x
    put(table, OF_DY * stride + at, number(scale))
    put(table, OF_X * stride + at, number(of_x))
    put(table, CONSTANT * stride + at, number(constant))


@step
def way_forward(table, stride, c):
    """Center, scale and shift of one channel, each in every lane."""
    center = spread(get(table, CENTER * stride + c))
    return center, spread(get(table, SCALE * stride + c)), spread(get(table, SHIFT * stride + c))


@step
def way_back(table, stride, c):
    """The factors of dy and of x - center, and the constant, each in every lane."""
    of_dy = spread(get(table, OF_DY * stride + c))
    return of_dy, spread(get(table, OF_X * stride + c)), spread(get(table, CONSTANT * stride + c))
