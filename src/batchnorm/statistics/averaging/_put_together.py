"""The values of an average, as a model like the first, or as a `state_dict` like the first."""

from collections import OrderedDict
from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn

from ...errors import InputError
from ...transaction import copied, original
from ._arithmetic import all_same
from ._given import tensors_of
from ._state import State


def as_model(model: nn.Module, first: State, values: Mapping[str, Tensor]) -> nn.Module:
    """Return a copy of a model, of which `first` was read, with these values.

    Raises:
        InputError: it cannot be copied, or two names of one tensor would have different values.
    """
    made = copied(original(model)[0])
    tensors = tensors_of(made)
    written: dict[int, str] = {}
    for name in values:
        own = first.given[name]
        tensor = tensors[own]
        if earlier := written.get(id(tensor)):
            _check_tied(earlier, name, values)
        else:
            written[id(tensor)] = name
            _write(own, tensor, values[name])
    return made


def as_state_dict(first: State, values: Mapping[str, Tensor]) -> dict[str, Any]:
    """Return the values by the names of a `state_dict`, in its order; tensors that share memory there share it here.

    Raises:
        InputError: two names of one tensor would have different values.
    """
    named = {own: name for name, own in first.given.items()}
    made: OrderedDict[str, Any] = OrderedDict()
    written: dict[tuple[object, ...], str] = {}
    for own, name in named.items():
        if name not in values:
            made[own] = first.others[name]
            continue
        place = _place(first.tensors[name])
        earlier = written.setdefault(place, name) if place else name
        _check_tied(earlier, name, values)
        made[own] = values[earlier]
    if first.metadata is not None:
        made._metadata = first.metadata.copy()  # type: ignore[attr-defined]  # torch's own way to hand it on
    return made


def _write(name: str, tensor: Tensor, value: Tensor) -> None:
    if all_same([tensor, value]):
        return  # also where one number stands for many, as in what `expand` made
    if any(step == 0 and size > 1 for step, size in zip(tensor.stride(), tensor.shape, strict=True)):
        raise InputError(
            argument="models",
            expected="tensors with memory for each value",
            got=f"{name!r}, in which one stands for many (expand), and which is not the same in all models",
            cure="Give the model a copy of it: tensor.clone().",
        )
    tensor.copy_(value)


def _place(tensor: Tensor) -> tuple[object, ...] | None:
    """Where a tensor lies in memory; None for one without values."""
    if not tensor.numel():
        return None
    return tensor.device, tensor.data_ptr(), tensor.dtype, tuple(tensor.shape), tensor.stride()


def _check_tied(one: str, other: str, values: Mapping[str, Tensor]) -> None:
    if one != other and not all_same([values[one], values[other]]):
        raise InputError(
            argument="models",
            expected="models that share the same tensors",
            got=f"{one!r} and {other!r}, which are one tensor in models[0] and differ in another",
            cure="Share them in all models, or in none.",
        )
