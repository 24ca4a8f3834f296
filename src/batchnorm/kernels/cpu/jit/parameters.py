"""With which numbers is a channel computed? A table of six rows, a column a channel (or a lane).

The step from x to y is (x - center) * scale + shift, where `center` is the mean rounded to the type that is computed
in. What the rounding took from the mean is in `shift`: a channel of mean 10,000 loses nothing. The step back is
dx = dy * of_dy + (x - center) * of_x + constant. Without a variance, weight and bias are scale and shift themselves.
"""

import math

import numpy as np

from .lanes import spread, step
from .memory import as_float, get, put, view
from .slots import (
    BACK_CONSTANT,
    BACK_OF_X,
    BIAS,
    COUNT,
    DBIAS,
    DWEIGHT,
    DX_ALONE,
    EPS,
    MEAN,
    MOMENTUM,
    PHASE,
    RUNNING_MEAN,
    RUNNING_VAR,
    SUM_DY,
    SUM_DY_X,
    SUMS_ALONE,
    VAR,
    WEIGHT,
    C,
)

CENTER, SCALE, SHIFT, OF_DY, OF_X, CONSTANT = range(6)


@step
def parameter(address, dtype, channel, otherwise):
    """One channel's number as float64, or what stands for it where there is none."""
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
def mean_of(a, c):
    """What is taken from a channel's values, before it is rounded."""
    return parameter(a[MEAN], np.float64, c, 0.0)


@step
def scale_of(a, c, number):
    """A channel's scale: weight / sqrt(var + eps), or weight itself where there is no variance."""
    weight = parameter(a[WEIGHT], number, c, 1.0)
    return weight / math.sqrt(get(view(a[VAR], np.float64), c) + as_float(a[EPS])) if a[VAR] else weight


@step
def set_forward(a, table, stride, at, c, number):
    """Fill in the three numbers of one channel's way forward."""
    mean, scale, bias = mean_of(a, c), scale_of(a, c, number), parameter(a[BIAS], number, c, 0.0)
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
def set_given(a, table, stride, at, c, number):
    """Fill in the three numbers of the way back as they are given, around the mean; or only the first."""
    put(table, OF_DY * stride + at, number(scale_of(a, c, number)))
    if a[BACK_OF_X]:
        of_x, constant = get(view(a[BACK_OF_X], np.float64), c), get(view(a[BACK_CONSTANT], np.float64), c)
        if math.isfinite(of_x):  # see around_mean
            constant += (np.float64(get(table, CENTER * stride + at)) - mean_of(a, c)) * of_x
        put(table, OF_X * stride + at, number(of_x))
        put(table, CONSTANT * stride + at, number(constant))


@step
def set_ways(a, table, stride, c, number):
    """Fill in what is known before a channel's values are read: the way forward, and a way back that is given."""
    for at in range(c, stride, a[C]):
        set_forward(a, table, stride, at, c, number)
        if a[PHASE] == DX_ALONE:
            set_given(a, table, stride, at, c, number)


@step
def finish_sums(a, table, stride, c, sum_dy, sum_dy_x, number):
    """From a channel's two sums: dweight, dbias and the numbers of the way back; or the sums themselves."""
    mean = mean_of(a, c)
    sum_dy_x = around_mean(sum_dy, sum_dy_x, get(table, CENTER * stride + c), mean)
    if a[PHASE] == SUMS_ALONE:
        put(view(a[SUM_DY], np.float64), c, sum_dy)
        put(view(a[SUM_DY_X], np.float64), c, sum_dy_x)
    else:
        var, weight, eps = get(view(a[VAR], np.float64), c), parameter(a[WEIGHT], number, c, 1.0), as_float(a[EPS])
        put(view(a[DBIAS], number), c, number(sum_dy))
        put(view(a[DWEIGHT], number), c, number(sum_dy_x / math.sqrt(var + eps)))
        for at in range(c, stride, a[C]):
            set_backward(table, stride, at, mean, var, weight, sum_dy, sum_dy_x, a[COUNT], eps, number)


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
