"""Batch norm, residual, activation and max-pool from the definition, in float64 NumPy."""

from dataclasses import dataclass

import numpy as np
import torch

from .batch_norm_oracle import Expected, batch_norm_oracle, exact


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


ACTIVATIONS = {
    None: (lambda z: z, np.ones_like),
    "relu": (lambda z: np.maximum(z, 0), lambda z: (z > 0).astype(z.dtype)),
    "silu": (lambda z: z * sigmoid(z), lambda z: sigmoid(z) * (1 + z * (1 - sigmoid(z)))),
}
"""Every activation of the tests and its derivative, by the name that the functions know it by."""


@dataclass
class ExpectedFinish(Expected):
    """`y` is the end of all steps; `kink` is the distance to the nearest point without a derivative."""

    dresidual: np.ndarray
    kink: float


def finish_oracle(arguments, dy, *, residual=None, activation="relu", pool=None, **options) -> ExpectedFinish:
    """The steps in their order, and the gradients for `dy`; `arguments` as for `batch_norm_oracle`."""
    function, derivative = ACTIVATIONS[activation]
    z = batch_norm_oracle(*arguments, torch.zeros_like(arguments[0]), **options).y
    z = z if residual is None else z + exact(residual)
    y, dz = function(z), exact(dy)
    kinks = [np.abs(z).min()] if activation == "relu" else []
    if pool is not None:
        windows = windows_of(y, pool)
        kinks += [gaps(windows, at_zero=activation != "relu")] if pool > 1 else []
        first = np.arange(pool * pool) == windows.argmax(axis=-1)[..., None]
        y, dz = windows.max(axis=-1), from_windows(first * dz[..., None], z.shape, pool)
    dz = dz * derivative(z)
    below = batch_norm_oracle(*arguments, torch.from_numpy(dz), **options)
    found = (below.running_mean, below.running_var, below.dx, below.dweight, below.dbias)
    return ExpectedFinish(y, *found, dz, min(kinks, default=np.inf))


def gaps(windows, *, at_zero):
    """How near the second largest value of a window comes to the largest; zeros of a ReLU do not count."""
    ordered = np.sort(windows, axis=-1)
    counted = at_zero | (ordered[..., -1] > 0)
    return np.where(counted, ordered[..., -1] - ordered[..., -2], np.inf).min()


def windows_of(y, pool):
    """(N, C, H, W) as (N, C, windows down, windows across, values of a window)."""
    n, c, h, w = y.shape
    down, across = h // pool, w // pool
    cut = y[:, :, : down * pool, : across * pool].reshape(n, c, down, pool, across, pool)
    return cut.transpose(0, 1, 2, 4, 3, 5).reshape(n, c, down, across, pool * pool)


def from_windows(windows, shape, pool):
    """The inverse of `windows_of`, with zeros in what belongs to no window."""
    n, c, down, across, _ = windows.shape
    y = np.zeros(shape)
    whole = windows.reshape(n, c, down, across, pool, pool).transpose(0, 1, 2, 4, 3, 5)
    y[:, :, : down * pool, : across * pool] = whole.reshape(n, c, down * pool, across * pool)
    return y
