"""How is an object of each kind opened, and a copy of it made of other parts?

By its state and not by its ways of telling it: items, `__dict__` and slots are read where Python keeps them, and no
method of somebody's class runs, neither to read nor to copy.
"""

from collections import OrderedDict, defaultdict
from collections.abc import Iterator
from typing import Any

import numpy as np
from torch import nn
from torch.utils._pytree import SUPPORTED_NODES, tree_flatten, tree_unflatten

from ._callables import opening_of_callable
from ._opening import Opening, is_plain
from ._state import attributes_of, is_written_in_python, set_attribute

_HOLDERS: tuple[type, ...] = (OrderedDict, defaultdict, dict, list, tuple)
"""Containers of Python, the more special ones first."""


def opening_of(value: Any) -> Opening | str:
    """What an object is made of, or why that cannot be known."""
    kind = type(value)
    base = next((holder for holder in _HOLDERS if isinstance(value, holder)), object)
    if isinstance(value, nn.Module):
        return "it is a module"
    if hasattr(kind, "__del__"):
        return "it does something when it is freed"  # a copy would do that, too
    if isinstance(value, dict) and not all(map(is_plain, dict.keys(value))):
        return "its keys are objects"
    if is_written_in_python(kind, base):
        return _of_tuple(value) if base is tuple else _of_dict(value, base) if issubclass(base, dict) else _of(value)
    if kind in SUPPORTED_NODES:
        return _by_pytree(value)
    if kind is np.ndarray:
        return _of_fields(value) if value.dtype.names else _of_objects(value)
    return opening_of_callable(value) or f"nothing is known of what is in a {kind.__name__}"


def _of(value: Any) -> Opening:
    """Of an object with attributes, or of a list."""
    attributes = attributes_of(value)
    items = [*list.__iter__(value)] if isinstance(value, list) else []
    parts = [*_steps(attributes), *((f"[{place}]", part) for place, part in enumerate(items))]

    def fill(copy: Any, others: list[Any]) -> None:
        _set_all(copy, attributes, others)
        if isinstance(copy, list):
            list.extend(copy, others[len(attributes) :])

    base = list if isinstance(value, list) else object
    return Opening(parts, empty=lambda: base.__new__(type(value)), fill=fill)


def _of_dict(value: Any, base: Any) -> Opening:
    attributes, keys = attributes_of(value), [*base.keys(value)]
    parts = [*_steps(attributes), *((f"[{key!r}]", dict.__getitem__(value, key)) for key in keys)]

    def fill(copy: Any, others: list[Any]) -> None:
        _set_all(copy, attributes, others)
        for key, part in zip(keys, others[len(attributes) :], strict=True):
            base.__setitem__(copy, key, part)

    return Opening(parts, empty=lambda: base.__new__(type(value)), fill=fill)


def _of_tuple(value: Any) -> Opening:
    attributes, fields = attributes_of(value), getattr(type(value), "_fields", ())
    items = [*tuple.__iter__(value)]
    named = [f".{name}" for name in fields] if len(fields) == len(items) else None
    steps = named or [f"[{place}]" for place in range(len(items))]

    def make(others: list[Any]) -> Any:
        copy = tuple.__new__(type(value), others[len(attributes) :])
        _set_all(copy, attributes, others)
        return copy

    return Opening([*_steps(attributes), *zip(steps, items, strict=True)], make=make)


def _by_pytree(value: Any) -> Opening:
    parts, spec = tree_flatten(value, is_leaf=lambda part: part is not value)
    return Opening(
        [(f"[{place}]", part) for place, part in enumerate(parts)], lambda others: tree_unflatten(others, spec)
    )


def _of_fields(array: Any) -> Opening:
    def make(others: list[Any]) -> Any:
        copy = np.empty_like(array)
        for name, part in zip(array.dtype.names, others, strict=True):
            copy[name] = part
        return copy

    return Opening([(f"[{name!r}]", array[name]) for name in array.dtype.names], make)


def _of_objects(array: Any) -> Opening:
    def make(others: list[Any]) -> Any:
        copy = np.empty_like(array)
        copy.reshape(-1)[:] = others
        return copy

    return Opening([(f".flat[{place}]", part) for place, part in enumerate(array.ravel())], make)


def _steps(attributes: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    return ((f".{name}", part) for name, part in attributes.items())


def _set_all(copy: Any, names: dict[str, Any], parts: list[Any]) -> None:
    for name, part in zip(names, parts, strict=False):
        set_attribute(copy, name, part)
