"""Batch norm and the steps behind it from the definition, in the widest numbers of NumPy: the expected values."""

from typing import NamedTuple

import numpy as np

WIDE = np.longdouble
"""80 bits where there are some: errors of float64 are measured against it."""


def sigmoid(t):
    return 1 / (1 + np.exp(-t))


def of_hardswish(t, dy):
    return np.where(t <= -3, 0, np.where(t >= 3, dy, dy * (t / 3 + WIDE(0.5))))


ACTIVATIONS = {
    "identity": (lambda t: t, lambda t, dy: dy, ()),
    "relu": (lambda t: np.maximum(t, 0), lambda t, dy: np.where(t <= 0, 0, dy), (0,)),
    "relu6": (lambda t: np.clip(t, 0, 6), lambda t, dy: np.where((t <= 0) | (t >= 6), 0, dy), (0, 6)),
    "silu": (lambda t: t * sigmoid(t), lambda t, dy: dy * sigmoid(t) * (1 + t * (1 - sigmoid(t))), ()),
    "hardswish": (lambda t: t * np.clip(t + 3, 0, 6) / 6, of_hardswish, (-3, 3)),
}
"""Every activation of the kernels, its gradient, and the points where its derivative jumps.

Where a function is flat no gradient passes, infinite or not; a NaN is nowhere flat."""


class Sums(NamedTuple):
    """The way forward: `mean` and `var` are those normalized by, `t` is what the activation is applied to."""

    mean: np.ndarray
    var: np.ndarray
    x_hat: np.ndarray
    t: np.ndarray


def wide(tensor):
    return None if tensor is None else tensor.detach().double().numpy().astype(WIDE)


def columns(values, like):
    """One value for each channel, in a shape that broadcasts against (N, C, *)."""
    return values.reshape(1, -1, *(1,) * (like.ndim - 2))


def axes_of(x):
    return (0, *range(2, x.ndim))


def sums_of(case):
    """The steps up to the activation."""
    x, weight, bias, residual = map(wide, (case.x, case.weight, case.bias, case.residual))
    axes = axes_of(x)
    if case.training:
        mean = x.mean(axes)
        var = np.square(x - columns(mean, x)).mean(axes)
    else:
        mean, var = wide(case.running_mean), wide(case.running_var)
    x_hat = (x - columns(mean, x)) / np.sqrt(columns(var, x) + WIDE(case.eps))
    t = x_hat if weight is None else x_hat * columns(weight, x)
    t = t if bias is None else t + columns(bias, x)
    return Sums(mean, var, x_hat, t if residual is None else t + residual)


def windows_of(y):
    """(N, C, H, W) as (N, C, H // 2, W // 2, 4): a window's values in the order in which a pool looks at them."""
    n, c, h, w = y.shape
    cut = y[:, :, : h // 2 * 2, : w // 2 * 2].reshape(n, c, h // 2, 2, w // 2, 2)
    return cut.transpose(0, 1, 2, 4, 3, 5).reshape(n, c, h // 2, w // 2, 4)


def from_windows(windows, shape):
    """The inverse of `windows_of`, with zeros in what belongs to no window."""
    n, c, h, w, _ = windows.shape
    y = np.zeros(shape, WIDE)
    whole = windows.reshape(n, c, h, w, 2, 2).transpose(0, 1, 2, 4, 3, 5)
    y[:, :, : 2 * h, : 2 * w] = whole.reshape(n, c, 2 * h, 2 * w)
    return y


def distance_to_kinks(case):
    """For every value of the output, how far what it comes from is from a jump of the derivative."""
    t = sums_of(case).t
    _, _, kinks = ACTIVATIONS[case.activation]
    if not case.pool:
        return np.min([np.abs(t - kink) for kink in kinks], axis=0) if kinks else np.full(t.shape, np.inf)
    ordered = np.sort(windows_of(t), axis=-1)
    gap = np.where(ordered[..., 3] > 0, ordered[..., 3] - ordered[..., 2], np.inf)
    return np.minimum(gap, np.abs(ordered[..., 3]))


def oracle(case):
    """What a call of the case must give, by name."""
    mean, var, x_hat, t = sums_of(case)
    function, gradient, _ = ACTIVATIONS[case.activation]
    y, dy = function(t), wide(case.dy)
    if case.pool:
        windows = windows_of(y)
        first = np.arange(4) == windows.argmax(axis=-1)[..., None]
        y, dy = windows.max(axis=-1), from_windows(np.where(first, dy[..., None], 0), t.shape)
    g, axes, count = gradient(t, dy), axes_of(t), WIDE(t.size // t.shape[1])
    weight = WIDE(1) if case.weight is None else columns(wide(case.weight), t)
    # Constants have no gradients; 0 in their place would make a NaN of an infinite x_hat.
    of_moments = g.mean(axes, keepdims=True) + x_hat * (g * x_hat).mean(axes, keepdims=True) if case.training else 0
    std = np.sqrt(columns(var, t) + WIDE(case.eps))
    found = {"y": y, "dx": (g - of_moments) * weight / std}
    found |= {"dweight": (g * x_hat).sum(axes), "dbias": g.sum(axes), "dresidual": g}
    if case.running_mean is not None:
        old, share = (wide(case.running_mean), wide(case.running_var)), WIDE(case.momentum if case.training else 0)
        new = (mean, var * count / (count - 1)) if case.training else old
        moved = ((1 - share) * a + share * b for a, b in zip(old, new, strict=True))
        found |= dict(zip(("running_mean", "running_var"), moved, strict=True))
    return found
