"""Torch's four operators of SyncBatchNorm as formulas, for a CPU, where torch has none of them."""

import torch
from torch import Tensor


def _column(values: Tensor, x: Tensor) -> Tensor:
    return values.reshape(1, -1, *(1,) * (x.dim() - 2))


def _axes(x: Tensor) -> tuple[int, ...]:
    return (0, *range(2, x.dim()))


def batch_norm_stats(x: Tensor, eps: float) -> tuple[Tensor, Tensor]:
    """The mean, and 1 / sqrt(var + eps), or 0 where both are 0."""
    var, mean = torch.var_mean(x, _axes(x), correction=0)
    return mean, torch.where((var == 0) & (eps == 0), 0.0, 1 / torch.sqrt(var + eps))


def batch_norm_elemt(
    x: Tensor, weight: Tensor | None, bias: Tensor | None, mean: Tensor, invstd: Tensor, eps: float
) -> Tensor:
    """Normalize; `eps` is in `invstd` already."""
    del eps
    y = (x - _column(mean, x)) * _column(invstd, x)
    y = y if weight is None else y * _column(weight, x)
    return (y if bias is None else y + _column(bias, x)).to(x.dtype)


def batch_norm_backward_reduce(
    dy: Tensor,
    x: Tensor,
    mean: Tensor,
    invstd: Tensor,
    weight: Tensor | None,
    input_g: bool,  # torch's signature
    weight_g: bool,
    bias_g: bool,
) -> tuple[Tensor, Tensor, None, None]:
    """The sums of dy and of dy * (x - mean)."""
    del invstd, weight
    assert (input_g, weight_g, bias_g) == (True, False, False)
    return dy.sum(_axes(x)), (dy * (x - _column(mean, x))).sum(_axes(x)), None, None


def batch_norm_backward_elemt(
    dy: Tensor,
    x: Tensor,
    mean: Tensor,
    invstd: Tensor,
    weight: Tensor | None,
    sum_dy: Tensor,
    sum_dy_xmu: Tensor,
    count: Tensor,
) -> Tensor:
    """The gradient of x; sums are divided by all counts together."""
    assert count.dtype is torch.int32
    mean_dy, mean_dy_xmu = sum_dy / count.sum(), sum_dy_xmu / count.sum()
    factor = invstd if weight is None else invstd * weight
    inner = dy - _column(mean_dy, x) - (x - _column(mean, x)) * _column(invstd * invstd * mean_dy_xmu, x)
    return (inner * _column(factor, x)).to(x.dtype)


OPERATORS = (batch_norm_stats, batch_norm_elemt, batch_norm_backward_reduce, batch_norm_backward_elemt)
