"""What is there to say of a value that is looked into: is it plain, or which parts has it?"""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, time, timedelta, tzinfo
from enum import Enum
from numbers import Number
from pathlib import PurePath
from types import BuiltinFunctionType, CodeType, FunctionType, ModuleType
from typing import Any

import numpy as np
import torch

_NUMBERS_AND_WORDS = (
    type(None),
    str,
    bytes,
    Number,
    range,
    type(...),
    type(NotImplemented),
    np.generic,
    np.dtype,
    CodeType,
)
_NAMES = (type, ModuleType, Enum, logging.Logger, PurePath, date, time, timedelta, tzinfo)
_OF_TORCH = (torch.dtype, torch.device, torch.layout, torch.memory_format, torch.Size)
_PLAIN = (*_NUMBERS_AND_WORDS, *_NAMES, *_OF_TORCH)


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

    def copied(self, of: Callable[[Any], Any], remember: Callable[[Any], None]) -> Any:
        """A copy whose parts are what `of` makes of them; `remember` hears of it before, if it can be one of them."""
        if self.empty is None or self.fill is None:
            return self.make([of(part) for _, part in self.parts]) if self.make else None
        copy = self.empty()
        remember(copy)
        self.fill(copy, [of(part) for _, part in self.parts])
        return copy


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
        return not getattr(value, "__dict__", None)
    return kind is object or isinstance(value, _PLAIN)


def is_array(value: Any) -> bool:
    """Whether a value is an array of numbers or words."""
    return type(value) in (np.ndarray, np.memmap) and value.dtype != object and not value.dtype.names


def _defaults(function: FunctionType) -> tuple[object, ...]:
    return (*(function.__defaults__ or ()), *(function.__kwdefaults__ or {}).values())
