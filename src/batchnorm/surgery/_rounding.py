"""How far may a model that was changed be from what it was, in a dtype that rounds, and overflows?"""

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, TypeGuard

from ._numbers import Numbers
from ._outputs import Snapshot, distance
from ._witness import LEAST_BOUND

MOST_BOUND = 0.5
"""What is allowed at most: where rounding alone makes a sixth of the largest output, outputs say nothing."""


def bound_of(rounding: float | None) -> float:
    """What is allowed, given a model's own distance to float64, if that is known: 3 times that, within limits.

    Example:
        >>> bound_of(1e-3), bound_of(None), bound_of(2.0), bound_of(float("inf"))
        (0.003, 0.0001, 0.5, 0.0001)
    """
    if rounding is None or not math.isfinite(rounding):
        return LEAST_BOUND
    return min(MOST_BOUND, max(LEAST_BOUND, 3 * rounding))


def rounding_between(fine: Snapshot, own: Snapshot) -> float:
    """The distance of the outputs of two dtypes, by the numbers that are finite in both: an overflow is no rounding.

    Example:
        >>> import torch
        >>> from batchnorm.surgery._outputs import snapshot
        >>> rounding_between(snapshot(torch.tensor([1e300, 2.0])), snapshot(torch.tensor([float("inf"), 2.5])))
        0.25
    """
    if [*fine.leaves] != [*own.leaves]:
        return float("inf")
    pairs = {path: _finite(one, own.leaves[path]) for path, one in fine.leaves.items()}
    return distance(
        replace(fine, leaves={path: one for path, (one, _) in pairs.items()}),
        replace(own, leaves={path: other for path, (_, other) in pairs.items()}),
    )


def gives_finite(outputs: Sequence[Snapshot]) -> bool:
    """Whether a model that gives numbers gives a finite one, so that there is something to compare.

    Example:
        >>> import torch
        >>> from batchnorm.surgery._outputs import snapshot
        >>> nan = float("nan")
        >>> gives_finite([snapshot(torch.tensor([nan, 1.0]))]), gives_finite([snapshot(torch.tensor([nan]))])
        (True, False)
    """
    numbers = [leaf.values for output in outputs for leaf in output.leaves.values() if _rounds(leaf)]
    return not any(values.numel() for values in numbers) or any(bool(values.isfinite().any()) for values in numbers)


def _finite(one: Any, other: Any) -> tuple[Any, Any]:
    if not _rounds(one) or not _rounds(other) or one.values.shape != other.values.shape:
        return one, other
    both = one.values.isfinite() & other.values.isfinite()
    first, second = (replace(numbers, values=numbers.values.where(both, 0.0)) for numbers in (one, other))
    return first, second


def _rounds(leaf: Any) -> TypeGuard[Numbers]:
    return isinstance(leaf, Numbers) and leaf.values.is_floating_point()
