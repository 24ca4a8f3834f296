"""Are two models of one structure, name by name?"""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from ...errors import InputError
from ._state import COUNTERS, State


def check_fits(first: State, other: State) -> None:
    """Raise at the first name of which two models hold something different in kind.

    Raises:
        InputError: it names what differs, and how.
    """
    for name, tensor in first.tensors.items():
        if name in other.tensors:
            _check_kind(name, tensor, first, other)
        elif name not in COUNTERS:
            raise _unfit(other, f"one without {first.called(name)}, which {first.label} has")
    for name in other.tensors:
        if name not in first.tensors and name not in COUNTERS:
            raise _unfit(other, f"one with {other.called(name)}, which {first.label} does not have")
    if first.means != other.means:
        name = min(first.means ^ other.means)
        raise _unfit(other, f"one in which {other.called(name)} is of another kind of norm than in {first.label}")
    for name in sorted({*first.others, *other.others}):
        ours, theirs = (state.others.get(name, _MISSING) for state in (first, other))
        if not same_value(ours, theirs):
            raise _unfit(other, f"one whose {name!r}, which is not averaged, differs from that of {first.label}")


_MISSING = object()


def _check_kind(name: str, tensor: Tensor, first: State, other: State) -> None:
    theirs = other.tensors[name]
    if tensor.shape != theirs.shape:
        raise _unfit(
            other, f"{other.called(name)} of shape {tuple(theirs.shape)}, where {first.label} has {tuple(tensor.shape)}"
        )
    if tensor.dtype != theirs.dtype:
        got = f"{other.called(name)} of {theirs.dtype}, where {first.label} has {tensor.dtype}"
        raise _unfit(other, got.replace("torch.", ""))


def _unfit(other: State, got: str) -> InputError:
    return InputError(argument=other.label, expected="models of one structure", got=got)


def same_value(one: Any, other: Any) -> bool:
    """Whether two values are the same, tensors and containers of them included.

    Example:
        >>> same_value({"a": [torch.ones(2), "x"]}, {"a": [torch.ones(2), "x"]}), same_value(1, True)
        (True, False)
    """
    if type(one) is not type(other):
        return False
    if isinstance(one, Mapping):
        return one.keys() == other.keys() and all(same_value(one[key], other[key]) for key in one)
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(same_value, one, other))
    try:
        if isinstance(one, Tensor):
            return one.dtype == other.dtype and torch.equal(one, other.to(one.device))
        return one is other or bool(one == other)
    except Exception:  # whatever the objects of somebody's model raise: then nobody knows
        return False
