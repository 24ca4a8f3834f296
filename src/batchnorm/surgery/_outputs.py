"""Did a model give the same, whatever its outputs are made of?"""

import dataclasses
from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor

_DEEPEST = 32
_LEAST = 1e-6


def leaves(output: object, depth: int = 0) -> Iterator[object]:
    """Every tensor and plain value of an output: of tuples, lists, dicts, dataclasses, and objects with attributes."""
    if depth > _DEEPEST or output is None or isinstance(output, Tensor | int | float | complex | str | bytes):
        yield output
    elif isinstance(output, Mapping):
        for key in output:
            yield str(key)
            yield from leaves(output[key], depth + 1)
    elif isinstance(output, list | tuple | set | frozenset):
        for member in output:
            yield from leaves(member, depth + 1)
    elif dataclasses.is_dataclass(output):
        for part in dataclasses.fields(output):
            yield from leaves(getattr(output, part.name, None), depth + 1)
    elif hasattr(output, "__dict__"):
        yield from leaves(vars(output), depth + 1)


def snapshot(output: object) -> list[Any]:
    """The leaves, tensors copied: a model may use their memory again."""
    return [leaf.detach().clone() if isinstance(leaf, Tensor) else leaf for leaf in leaves(output)]


def distance(before: list[Any], after: list[Any]) -> float:
    """The largest difference, in units of the largest number of its tensor; infinite if they are not alike.

    Numbers below 1e-6 count as that: what is nearly 0 is often the difference of larger ones.

    NaN and infinities count as equal where both have the same.

    Example:
        >>> distance([torch.tensor([0.0, 2.0])], [torch.tensor([0.0, 2.5])])
        0.25
        >>> distance([1], [2])
        inf
    """
    if len(before) != len(after):
        return float("inf")
    return max((_apart(one, other) for one, other in zip(before, after, strict=True)), default=0.0)


def _apart(one: Any, other: Any) -> float:
    if not isinstance(one, Tensor) or not isinstance(other, Tensor):
        if isinstance(one, float | complex) and isinstance(other, float | complex) and one == one:
            return float(abs(one - other) / max(_LEAST, abs(one)))
        return 0.0 if type(one) is type(other) and one == other else float("inf")
    if one.shape != other.shape or one.layout is not torch.strided or other.layout is not torch.strided:
        return 0.0 if one.shape == other.shape and one.layout == other.layout else float("inf")
    if not one.numel():
        return 0.0
    if not one.is_floating_point() and not one.is_complex():
        return 0.0 if torch.equal(one.cpu(), other.cpu()) else float("inf")
    return _numbers_apart(one.double(), other.double())


def _numbers_apart(one: Tensor, other: Tensor) -> float:
    same = (one == other) | (one.isnan() & other.isnan())
    difference = torch.where(same, 0.0, (one - other).abs())
    finite = one[one.isfinite()].abs()
    scale = max(_LEAST, float(finite.max())) if finite.numel() else 1.0
    largest = float(difference.max())
    return float("inf") if largest != largest else largest / scale
