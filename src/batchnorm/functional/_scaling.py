"""How is data brought to a common scale by channel, and back again (归一化与反归一化)?

Batch normalization does it to activations, with what the batch says; this does it to data, with
constants that are returned: what was learned on one set is applied to another, and undone.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from ._channels import per_channel, reduced_dims, widen
from ._given import check_given, check_optional
from ._moments import batch_moments


class ZScore(NamedTuple):
    """Values of mean 0 and standard deviation 1, and the constants (C,) that made them so."""

    values: Tensor
    mean: Tensor
    std: Tensor


class MinMax(NamedTuple):
    """Values between 0 and 1, and the constants (C,) that made them so."""

    values: Tensor
    low: Tensor
    high: Tensor


def zscore(x: Tensor, mean: Tensor | None = None, std: Tensor | None = None) -> ZScore:
    """Shift every channel of `x` (N, C, *) to mean 0 and scale it to standard deviation 1.

        values = (x - mean) / std

    `mean` and `std` (C,) come from `x` where they are not given; `std` is the root of the biased
    variance. A channel whose `std` is 0 is shifted only, so a constant one comes out as zeros.
    Floating-point dtypes are kept (constants of half types are float32); integers of up to 16 bits
    become float32 and wider ones float64, for float32 holds every integer up to 2**24 only.

    Raises:
        ValueError: constants are missing and `x` has no values to take them from; a constant has
            not one value per channel; `x` has fewer than two axes.
        TypeError: `x` is complex.

    Example:
        >>> zscore(torch.tensor([[1.0, 5.0], [3.0, 5.0]]))
        ZScore(values=tensor([[-1.,  0.],
                [ 1.,  0.]]), mean=tensor([2., 5.]), std=tensor([1., 0.]))
    """
    check_given("zscore", x=x)
    check_optional("zscore", mean=mean, std=std)
    x, dtype = _wide(x)
    if mean is None or std is None:
        _refuse_nothing("zscore", "mean and std", x)
        moments = batch_moments(x)
        mean = moments.mean if mean is None else mean
        std = moments.var.sqrt() if std is None else std
    values = (x - per_channel(mean, x, "mean")) / per_channel(_or_one(std), x, "std")
    return ZScore(values.to(dtype), mean, std)


def zscore_inverse(values: Tensor, mean: Tensor, std: Tensor) -> Tensor:
    """Undo `zscore` with the constants that it returned: values * std + mean, up to rounding.

    Raises:
        ValueError: a constant has not one value per channel; `values` has fewer than two axes.

    Example:
        >>> zscore_inverse(*zscore(torch.tensor([[1.0], [3.0]])))
        tensor([[1.],
                [3.]])
    """
    check_given("zscore_inverse", values=values, mean=mean, std=std)
    x = values * per_channel(_or_one(std), values, "std") + per_channel(mean, values, "mean")
    return x.to(values.dtype)


def minmax(x: Tensor, low: Tensor | None = None, high: Tensor | None = None) -> MinMax:
    """Bring every channel of `x` (N, C, *) into [0, 1].

        values = (x - low) / (high - low)

    `low` and `high` (C,) are the extremes of `x` where they are not given. A channel whose extremes
    are equal is shifted only, so a constant one comes out as zeros. Values outside of the extremes
    that are given come out outside of [0, 1]. `high - low` must be finite in the dtype of the
    constants: extremes of -3e38 and 3e38 are too far apart for float32. Dtypes as in `zscore`.

    Raises:
        ValueError: constants are missing and `x` has no values to take them from; a constant has
            not one value per channel; `x` has fewer than two axes.
        TypeError: `x` is complex.

    Example:
        >>> minmax(torch.tensor([[1.0, 5.0], [3.0, 5.0]])).values
        tensor([[0., 0.],
                [1., 0.]])
    """
    check_given("minmax", x=x)
    check_optional("minmax", low=low, high=high)
    x, dtype = _wide(x)
    if low is None or high is None:
        _refuse_nothing("minmax", "low and high", x)
        low = x.amin(reduced_dims(x)) if low is None else low
        high = x.amax(reduced_dims(x)) if high is None else high
    values = (x - per_channel(low, x, "low")) / per_channel(_or_one(high - low), x, "high - low")
    return MinMax(values.to(dtype), low, high)


def minmax_inverse(values: Tensor, low: Tensor, high: Tensor) -> Tensor:
    """Undo `minmax` with the constants that it returned: values * (high - low) + low.

    Raises:
        ValueError: a constant has not one value per channel; `values` has fewer than two axes.

    Example:
        >>> minmax_inverse(*minmax(torch.tensor([[1.0], [3.0]])))
        tensor([[1.],
                [3.]])
    """
    check_given("minmax_inverse", values=values, low=low, high=high)
    x = values * per_channel(_or_one(high - low), values, "high - low") + per_channel(low, values, "low")
    return x.to(values.dtype)


def _wide(x: Tensor) -> tuple[Tensor, torch.dtype]:
    """`x` in float32 or wider, and the dtype that the result is to have."""
    if x.is_complex():
        raise TypeError(f"x: expected real numbers, got {x.dtype}. Scale x.real and x.imag, or x.abs().")
    if x.dim() < 2:
        raise ValueError(f"x: expected the shape (N, C, *), got {tuple(x.shape)}. Add the missing axes, e.g. x[None].")
    if x.is_floating_point():
        return widen(x), x.dtype
    wide = x.float() if x.element_size() <= 2 else x.double()
    return wide, wide.dtype


def _or_one(scale: Tensor) -> Tensor:
    """A scale of 0 belongs to a constant channel, which has nothing to be scaled."""
    return torch.where(scale == 0, torch.ones_like(scale), scale)


def _refuse_nothing(function: str, constants: str, x: Tensor) -> None:
    if x.numel() == 0:
        raise ValueError(
            f"{function}: x must have values to take {constants} from, got shape {tuple(x.shape)}. Pass {constants}."
        )
