"""How are plain values of a file made into what a field of a record may hold, each checked before it is used?

The standard library writes dataclasses (`asdict`) and does not read them back; typeguard checks what has been made, and
makes nothing. The fields' annotations say it all: no record has code of its own for it.
"""

import sys
import types
from collections.abc import Callable
from dataclasses import MISSING, fields, is_dataclass
from functools import cache
from typing import Annotated, Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from ..errors import InputError, with_article
from ._plain import DEEPEST, Plain

Made = TypeVar("Made")

_LARGEST = {int: 2**63, float: sys.float_info.max}


class _Wrong(Exception):  # noqa: N818  # never leaves this file
    """A value that a field never has: what is wrong with it, the value, and where it stands, part by part."""

    def __init__(self, what: str, value: object = ...) -> None:
        super().__init__(what)
        self.what, self.value, self.parts = what, value, list[str]()

    def __str__(self) -> str:
        place = "".join(part if part.startswith("[") else f".{part}" for part in self.parts).removeprefix(".")
        value = "" if self.value is ... else f": {str(self.value)[:40]}"
        return f"{self.what}{f' in {place}' if place else ''}{value}"


def made(kind: type[Made], data: dict[str, Any]) -> Made:
    """Return a record of that kind.

    Args:
        kind: a dataclass.
        data: the values of its fields, as JSON gives them.

    Raises:
        InputError: there are other fields, other types, or numbers that such a record never has.
    """
    try:
        result: Made = _record(kind, data)
    except _Wrong as wrong:
        raise InputError(f"{with_article(kind.__name__)} {wrong}") from None
    return result


def _record(kind: Any, data: Any) -> Any:
    if type(data) is not dict:
        raise _Wrong("has other types")
    expected, needed = _fields(kind)
    if not needed <= set(data) <= set(expected):
        odd_first = sorted(data, key=lambda name: (name in expected, str(name)))
        got = [str(name)[:40] for name in odd_first[:20]]
        raise _Wrong(f"has the fields {sorted(expected)}, got {got}")
    return kind(**{name: _inside(name, _value, expected[name], value, name) for name, value in data.items()})


@cache
def _fields(kind: Any) -> tuple[dict[str, Any], set[str]]:
    """The annotation of every field, and the names of those that have no default."""
    hints = get_type_hints(kind, include_extras=True)
    needed = {one.name for one in fields(kind) if one.default is MISSING and one.default_factory is MISSING}
    return {one.name: hints[one.name] for one in fields(kind)}, needed


def _inside(part: str, make: Callable[..., Any], *arguments: Any) -> Any:
    try:
        return make(*arguments)
    except _Wrong as wrong:
        wrong.parts.insert(0, part)
        raise


def _value(annotation: Any, value: Any, name: str, *, signed: bool = False) -> Any:
    """What a field of that annotation holds; its `name` tells what a number counts."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin in (Union, types.UnionType):
        return _one_of(arguments, value, name)
    if annotation is Plain:
        return _plain(value)
    if origin is Annotated:
        return _value(arguments[0], value, name, signed=True)
    if origin is tuple and type(value) in (list, tuple):
        parts = arguments[:1] * len(value) if arguments[1:] == (...,) else arguments
        if len(parts) != len(value):
            raise _Wrong(f"has {len(value)} values, expected {len(parts)},")
        return tuple(
            _inside(f"[{n}]", _value, part, one, name) for n, (part, one) in enumerate(zip(parts, value, strict=True))
        )
    if origin is dict and type(value) is dict:
        return {key: _inside(f"[{str(key)[:40]!r}]", _value, arguments[1], one, name) for key, one in value.items()}
    if origin is Literal and any(type(value) is type(one) and value == one for one in arguments):
        return value
    if is_dataclass(annotation):
        return _record(annotation, value)
    if annotation in (int, float) and type(value) in (int, annotation):
        return _number(annotation, value, name, signed=signed)
    if annotation in (str, bool) and type(value) is annotation:
        return value
    raise _Wrong("has other types")


def _plain(value: Any, depth: int = 0) -> Any:
    """What options and series hold: no objects, and nothing of which the field knows what it counts."""
    if type(value) in (list, tuple):
        if depth == DEEPEST:
            raise _Wrong("is nested too deeply")
        return tuple(_inside(f"[{n}]", _plain, one, depth + 1) for n, one in enumerate(value))
    if type(value) in (int, float):
        return _number(type(value), value, "", signed=True)
    if value is None or type(value) in (str, bool):
        return value
    raise _Wrong("has other types")


def _one_of(annotations: tuple[Any, ...], value: Any, name: str) -> Any:
    """One type of several, of which only None is beside another: nothing is guessed."""
    rest = [one for one in annotations if one is not types.NoneType]
    if value is None and len(rest) < len(annotations):
        return None
    if len(rest) != 1:
        raise TypeError(f"{name}: no reader for {annotations}")
    return _value(rest[0], value, name)


def _number(kind: type[int] | type[float], value: float, name: str, *, signed: bool) -> float:
    """A number in the limits of what is counted or measured: not negative, a share not above 1."""
    most = 1 if name.endswith(("accuracy", "probabilities")) else _LARGEST[kind]
    if not (-most if signed else 0) <= value <= most:  # also what is not a number
        raise _Wrong("has a number that cannot be", value)
    return kind(value)
