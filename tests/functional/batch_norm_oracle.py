"""Batch normalization from the definition, in float64 NumPy: the expected values of the tests."""

from dataclasses import dataclass

import numpy as np
import torch


@dataclass
class Expected:
    """What a call must give: the output, the buffers afterwards, and the gradients for a given dy."""

    y: np.ndarray
    running_mean: np.ndarray | None
    running_var: np.ndarray | None
    dx: np.ndarray
    dweight: np.ndarray
    dbias: np.ndarray


def exact(tensor: torch.Tensor | None) -> np.ndarray | None:
    return None if tensor is None else tensor.detach().double().numpy().copy()


def batch_norm_oracle(x, running_mean, running_var, weight, bias, dy, *, training, momentum=0.1, eps=1e-5) -> Expected:
    x, rm, rv, w, b, dy = map(exact, (x, running_mean, running_var, weight, bias, dy))
    axes = (0, *range(2, x.ndim))
    column = (1, -1) + (1,) * (x.ndim - 2)
    n = x.size // x.shape[1]
    mean, var = x.mean(axes), x.var(axes)
    if training and rm is not None and momentum != 0:
        rm = (1 - momentum) * rm + momentum * mean
        rv = (1 - momentum) * rv + momentum * var * n / (n - 1)
    if not training:
        mean, var = rm, rv
    std = np.sqrt(var + eps).reshape(column)
    x_hat = (x - mean.reshape(column)) / std
    w_or_1 = 1.0 if w is None else w.reshape(column)
    y = x_hat * w_or_1 + (0.0 if b is None else b.reshape(column))
    dx_hat = dy * w_or_1
    if training:
        of_mean = dx_hat.mean(axes, keepdims=True)
        of_var = (dx_hat * x_hat).mean(axes, keepdims=True)
        dx = (dx_hat - of_mean - x_hat * of_var) / std
    else:
        dx = dx_hat / std
    return Expected(y, rm, rv, dx, (dy * x_hat).sum(axes), dy.sum(axes))
