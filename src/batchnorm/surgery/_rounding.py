"""How far may a folded model be from what it was, in a dtype that rounds, and overflows?"""

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from ._outputs import distance
from ._prove import LEAST_BOUND

MOST_BOUND = 0.5
"""What is allowed at most: where rounding alone makes a sixth of the largest output, outputs say nothing of a fold."""


def bound_of(rounding: float | None) -> float:
    """What is allowed, given a model's own distance to float64, if that is known: 3 times that, within limits.

    Example:
        >>> bound_of(1e-3), bound_of(None), bound_of(2.0), bound_of(float("inf"))
        (0.003, 0.0001, 0.5, 0.0001)
    """
    if rounding is None or not math.isfinite(rounding):
        return LEAST_BOUND
    return min(MOST_BOUND, max(LEAST_BOUND, 3 * rounding))


def rounding_between(fine: Sequence[object], own: Sequence[object]) -> float:
    """The distance of the outputs of two dtypes, by the numbers that are finite in both: an overflow is no rounding.

    Example:
        >>> rounding_between([torch.tensor([1e300, 2.0])], [torch.tensor([float("inf"), 2.5])])
        0.25
    """
    if len(fine) != len(own):
        return float("inf")
    pairs = [_finite(one, other) for one, other in zip(fine, own, strict=True)]
    return distance([one for one, _ in pairs], [other for _, other in pairs])


def gives_finite(outputs: Sequence[Sequence[object]]) -> bool:
    """Whether a model that gives numbers gives a finite one, so that there is something to compare.

    Example:
        >>> gives_finite([[torch.tensor([float("nan"), 1.0])]]), gives_finite([[torch.tensor([float("nan")])]])
        (True, False)
    """
    tensors = [leaf for output in outputs for leaf in output if isinstance(leaf, Tensor) and _rounds(leaf)]
    return not any(leaf.numel() for leaf in tensors) or any(bool(leaf.isfinite().any()) for leaf in tensors)


def _finite(one: Any, other: Any) -> tuple[Any, Any]:
    tensors = isinstance(one, Tensor) and isinstance(other, Tensor)
    if not tensors or one.shape != other.shape or not (_rounds(one) and _rounds(other)):
        return one, other
    both = one.isfinite() & other.isfinite()
    return torch.where(both, one, 0.0), torch.where(both, other, 0.0)


def _rounds(tensor: Tensor) -> bool:
    return tensor.layout is torch.strided and (tensor.is_floating_point() or tensor.is_complex())
