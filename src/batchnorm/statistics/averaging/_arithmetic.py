"""The arithmetic of averages, in float64: no sum leaves the range of what goes in."""

from collections.abc import Sequence

import torch
from torch import Tensor

Weighted = tuple[Tensor, float]


def wide(tensor: Tensor) -> Tensor:
    """Return real numbers in float64, complex ones as pairs of these."""
    tensor = tensor.detach().resolve_conj().resolve_neg()
    tensor = torch.view_as_real(tensor) if tensor.is_complex() else tensor
    return tensor.cpu().double() if tensor.device.type == "mps" else tensor.double()  # mps has no float64


def average(given: Sequence[Weighted]) -> Tensor:
    """Compute `sum_i w_i x_i` in float64, held between the smallest and the largest x_i of each place.

    By that, values that are the same in all stay so, infinities too, and no average of variances is negative by
    rounding.

    Args:
        given: tensors of one shape, with weights above 0 that add up to 1.

    Example:
        >>> average([(torch.tensor([0.1, 1.0]), 0.7), (torch.tensor([0.1, 2.0]), 0.3)]).float()
        tensor([0.1000, 1.3000])
    """
    first, share = given[0]
    low = high = wide(first)
    total = low * share
    for tensor, weight in given[1:]:
        values = wide(tensor)
        total, low, high = total + weight * values, torch.minimum(low, values), torch.maximum(high, values)
    held = torch.minimum(torch.maximum(total, low), high)
    return torch.view_as_complex(held.contiguous()) if first.is_complex() else held


def total_variance(given: Sequence[tuple[Tensor, Tensor, float]]) -> Tensor:
    """Compute `sum_i w_i (var_i + (mean_i - mean)^2)` with `mean = sum_i w_i mean_i`, in float64.

    Args:
        given: mean, variance and weight of each part; the weights add up to 1.

    Example:
        >>> ones = torch.ones(1)
        >>> total_variance([(0 * ones, ones, 0.5), (4 * ones, ones, 0.5)])
        tensor([5.], dtype=torch.float64)
    """
    mean = average([(mean, weight) for mean, _, weight in given])
    within = average([(var, weight) for _, var, weight in given])
    between = [weight * (wide(one) - mean).square() for one, _, weight in given]
    return within + torch.stack(between).sum(0)


def all_same(tensors: Sequence[Tensor]) -> bool:
    """Whether tensors of one shape and dtype hold the same values; NaN is like NaN."""
    first = tensors[0]
    return all(_same(first, tensor.to(first.device)) for tensor in tensors[1:])


def _same(one: Tensor, other: Tensor) -> bool:
    if not (one.is_floating_point() or one.is_complex()):
        return torch.equal(one, other)
    a, b = wide(one), wide(other)  # an 8-bit float cannot be compared as it is
    return bool(((a == b) | (a.isnan() & b.isnan())).all())


def finite(tensor: Tensor) -> Tensor:
    """Where a tensor is finite, a complex one in both its parts' places."""
    return wide(tensor).isfinite()
