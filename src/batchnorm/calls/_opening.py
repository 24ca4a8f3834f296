"""How is an object opened, and a copy of it made of other parts?

By its state and not by its ways of telling it: items, `__dict__` and slots are read where Python keeps them, and no
method of somebody's class runs, neither to read nor to copy.
"""

import logging
from collections import OrderedDict, defaultdict
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, time, timedelta, tzinfo
from enum import Enum
from numbers import Number
from pathlib import PurePath
from types import BuiltinFunctionType, FunctionType, MemberDescriptorType, ModuleType
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
import torch
from torch import nn
from torch.utils._pytree import SUPPORTED_NODES, tree_flatten, tree_unflatten

_NUMBERS_AND_WORDS = (type(None), str, bytes, Number, range, type(...), type(NotImplemented), np.generic, np.dtype)
_NAMES = (type, ModuleType, Enum, logging.Logger, PurePath, date, time, timedelta, tzinfo)
_OF_TORCH = (torch.dtype, torch.device, torch.layout, torch.memory_format, torch.Size)
_PLAIN = (*_NUMBERS_AND_WORDS, *_NAMES, *_OF_TORCH)

_HOLDERS: tuple[type, ...] = (OrderedDict, defaultdict, dict, list, tuple)
"""Containers of Python, the more special ones first."""


@dataclass(frozen=True, slots=True)
class Opening:
    """What an object is made of.

    Attributes:
        parts: each with the step that leads to it, as one would write it in Python.
        make: a copy of other parts in the same order; None where a copy is made empty and filled.
        empty: a copy without parts, so that it can be a part of its own parts.
        fill: gives that copy its parts.
    """

    parts: list[tuple[str, Any]]
    make: Callable[[list[Any]], Any] | None = None
    empty: Callable[[], Any] | None = None
    fill: Callable[[Any, list[Any]], None] | None = None


def is_plain(value: Any) -> bool:
    """Whether a value has no parts that matter: two of them are compared with `==`."""
    kind = type(value)
    if kind is FunctionType:
        return value.__closure__ is None and is_plain((*_defaults(value), *vars(value).values()))
    if kind is BuiltinFunctionType:
        return value.__self__ is None or isinstance(value.__self__, type | ModuleType)
    if kind in (tuple, set, frozenset):
        return all(map(is_plain, value))
    if kind is slice:
        return is_plain((value.start, value.stop, value.step))
    if isinstance(value, str | bytes | int | float | complex) and not isinstance(value, Enum):
        return not attributes_of(value)
    return kind is object or isinstance(value, _PLAIN)


def is_array(value: Any) -> bool:
    """Whether a value is an array of numbers or words."""
    return type(value) in (np.ndarray, np.memmap) and value.dtype != object and not value.dtype.names


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
    if _is_written_in_python(kind, base):
        return _of_tuple(value) if base is tuple else _of_dict(value, base) if issubclass(base, dict) else _of(value)
    if kind in SUPPORTED_NODES:
        return _by_pytree(value)
    if kind is np.ndarray:
        return _of_fields(value) if value.dtype.names else _of_objects(value)
    return f"nothing is known of what is in a {kind.__name__}"


def attributes_of(value: object) -> dict[str, Any]:
    """The attributes that an object itself holds, in `__dict__` or in slots, whatever its class says of them."""
    try:
        found = dict(object.__getattribute__(value, "__dict__"))
    except AttributeError:
        found = {}
    for name, slot in _slots(type(value)).items():
        with suppress(AttributeError):  # never set
            found[name] = slot.__get__(value)
    return found


def set_attribute(value: object, name: str, part: object) -> None:
    """Set an attribute where Python keeps it, also that of an object that is frozen."""
    slot = _slots(type(value)).get(name)
    if slot is None:
        object.__getattribute__(value, "__dict__")[name] = part
    else:
        slot.__set__(value, part)


def _is_written_in_python(kind: type[Any], base: type[Any]) -> bool:
    """Whether all that an instance holds are the items of `base`, attributes and slots: C keeps nothing besides.

    Else it would be larger than what a class of as many slots makes.
    """
    if kind not in _LOOKED_AT:
        _LOOKED_AT[kind] = kind is base or _is_no_larger(kind, base)
    return _LOOKED_AT[kind]


_LOOKED_AT: WeakKeyDictionary[type, bool] = WeakKeyDictionary()


def _is_no_larger(kind: type[Any], base: type[Any]) -> bool:
    own = [slot.__objclass__ for slot in _slots(kind).values() if slot.__objclass__ not in base.__mro__]
    if not all("__slots__" in vars(owner) for owner in own):
        return False
    names = [f"slot{place}" for place in range(len(own))]
    names += ["__dict__"] if kind.__dictoffset__ and not base.__dictoffset__ else []
    names += ["__weakref__"] if kind.__weakrefoffset__ and not base.__weakrefoffset__ else []
    # A class of tuples has attributes by saying nothing, and could not say which.
    alike = type("Alike", (base,), {} if base is tuple and names else {"__slots__": tuple(names)})
    return kind.__basicsize__ <= alike.__basicsize__ and kind.__itemsize__ == alike.__itemsize__


def _slots(kind: type) -> dict[str, MemberDescriptorType]:
    found: dict[str, MemberDescriptorType] = {}
    for parent in kind.__mro__:
        for name, member in vars(parent).items():
            if isinstance(member, MemberDescriptorType):
                # Two classes may each have a slot of one name: both hold something.
                found[name if name not in found else f"{parent.__qualname__}.{name}"] = member
    return found


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


def _defaults(function: FunctionType) -> tuple[object, ...]:
    return (*(function.__defaults__ or ()), *(function.__kwdefaults__ or {}).values())
