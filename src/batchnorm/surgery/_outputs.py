"""Did a model give the same, whatever its outputs are made of?"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..calls import MOST_OF_ITERATOR, Closed, leaves_of
from ._numbers import Numbers, numbers_of


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What a model gave, copied: it may use the memory again.

    Attributes:
        leaves: numbers of tensors and plain values, by their paths.
        containers: what they lay in.
        closed: the parts that nobody can compare.
    """

    leaves: dict[str, Any]
    containers: tuple[tuple[str, str], ...]
    closed: tuple[Closed, ...]


def snapshot(output: object, *, read_iterators: bool = True) -> Snapshot:
    """Open an output and copy what is in it; iterators in it are read, up to 256 values each.

    What they compute on the way is part of the forward that gave them.

    Example:
        >>> [*snapshot({"a": torch.ones(2), "b": [1, None]}).leaves]
        ["['a']", "['b'][0]", "['b'][1]"]
        >>> [str(part) for part in snapshot((torch.ones(2), torch.nn.Identity())).closed]
        ['[1] (Identity): it is a module']
    """
    opened = leaves_of(output, most_of_iterator=MOST_OF_ITERATOR if read_iterators else 0)
    leaves: dict[str, Any] = {}
    closed = [*opened.closed]
    for path, leaf in opened.found:
        try:
            leaves |= {path + step: part for step, part in _copies(leaf)}
        except Exception as error:  # torch has many, by class and layout
            closed.append(Closed(path, leaf, f"its numbers cannot be read: {error}".partition("\n")[0]))
    return Snapshot(leaves, tuple(opened.containers), tuple(closed))


def distance(before: Snapshot, after: Snapshot, *, same_dtype: bool = False, same_whole: bool = False) -> float:
    """The largest difference, each in units of the largest number of its tensor; infinite if they are not alike.

    Of a tensor of whole numbers it is the share that differs.

    Args:
        before: the one whose numbers are the units.
        after: the other.
        same_dtype: they are not alike where a tensor has another dtype.
        same_whole: nor where one whole number of a tensor is another one.

    Example:
        >>> distance(snapshot(Tensor([0.0, 2.0])), snapshot(Tensor([0.0, 2.5])))
        0.25
        >>> distance(snapshot(1), snapshot(2))
        inf
    """
    if [*before.leaves] != [*after.leaves] or before.containers != after.containers:
        return float("inf")
    if [part.path for part in before.closed] != [part.path for part in after.closed]:
        return float("inf")
    largest = 0.0
    for path, one in before.leaves.items():
        other = after.leaves[path]
        apart = _apart(one, other)
        if isinstance(one, Numbers) and isinstance(other, Numbers):
            unlike = same_dtype and one.dtype != other.dtype
            unlike |= same_whole and apart > 0 and not one.values.is_floating_point()
            apart = float("inf") if unlike else apart
        largest = max(largest, apart)
    return largest


def _copies(leaf: Any) -> Iterator[tuple[str, Any]]:
    """A leaf with its numbers copied; a tensor that wraps others is several."""
    if isinstance(leaf, np.ndarray | np.generic):
        yield "", _of_array(np.asarray(leaf))
    elif isinstance(leaf, Tensor):
        yield from numbers_of(leaf)
    else:
        yield "", leaf


def _of_array(array: np.ndarray[Any, Any]) -> Any:
    if array.dtype.kind in "fc":
        wide = torch.from_numpy(array.astype(np.float64 if array.dtype.kind == "f" else np.complex128))
        ((_, numbers),) = numbers_of(wide)
        return Numbers((str(array.dtype), *numbers.form), numbers.dtype, numbers.values)
    return str(array.dtype), array.shape, array.tobytes()


def _apart(one: Any, other: Any) -> float:
    if isinstance(one, Numbers) and isinstance(other, Numbers):
        return one.distance(other)
    if type(one) is not type(other):
        return float("inf")
    if isinstance(one, float | complex):
        return _scalars_apart(one, other)
    return 0.0 if one == other else float("inf")


def _scalars_apart(one: complex, other: complex) -> float:
    first, second = (
        dict(numbers_of(torch.tensor(value, dtype=torch.complex128, device="cpu")))[""] for value in (one, other)
    )
    return first.distance(second)
