"""What does a function hold, beside its code? What it was made with, and whose method it is."""

from functools import partial
from types import BuiltinFunctionType, CellType, FunctionType, MethodType
from typing import Any

from ._opening import Opening


def opening_of_callable(value: Any) -> Opening | None:
    """What a function, a method or a partial holds; None if it is none of these."""
    if type(value) is FunctionType:
        return _of_function(value)
    if type(value) is MethodType:
        return Opening(_parts(value, "__self__", "__func__"), lambda parts: MethodType(parts[1], parts[0]))
    if type(value) is BuiltinFunctionType:
        return Opening(_parts(value, "__self__", "__name__"), lambda parts: getattr(*parts))
    if type(value) is partial:
        parts = _parts(value, "func", "args", "keywords")
        return Opening(parts, lambda parts: partial(parts[0], *parts[1], **parts[2]))
    return None


def _of_function(value: FunctionType) -> Opening:
    cells = value.__closure__ or ()
    held = [(f".{name}", _content(cell)) for name, cell in zip(value.__code__.co_freevars, cells, strict=True)]
    parts = [*_parts(value, "__code__", "__defaults__", "__kwdefaults__", "__dict__"), *held]

    def empty() -> FunctionType:
        return FunctionType(value.__code__, value.__globals__, value.__name__, None, tuple(CellType() for _ in cells))

    def fill(copy: FunctionType, others: list[Any]) -> None:
        copy.__defaults__, copy.__kwdefaults__ = others[1:3]
        vars(copy).update(others[3])
        for cell, part in zip(copy.__closure__ or (), others[4:], strict=True):
            cell.cell_contents = part

    return Opening(parts, empty=empty, fill=fill)


def _content(cell: CellType) -> Any:
    try:
        return cell.cell_contents
    except ValueError:  # nothing has been put in yet
        return None


def _parts(value: Any, *names: str) -> list[tuple[str, Any]]:
    return [(f".{name}", getattr(value, name)) for name in names]
