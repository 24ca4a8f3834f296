"""What do names and calls in a pickle stand for that make arrays and numbers of NumPy, if nothing is called?"""

import math
from typing import Any

import numpy as np

_WHOLE = frozenset(f"{kind}{size}" for kind in "iu" for size in (1, 2, 4, 8))
"""Types of whole numbers."""
_RECONSTRUCT = "an empty array"
_SCALAR = "a number of NumPy"
_DTYPE = "a dtype"
MAKERS = {
    **{f"numpy{core}.multiarray _reconstruct": _RECONSTRUCT for core in (".core", "._core")},
    **{f"numpy{core}.numeric _frombuffer": "an array of a buffer" for core in (".core", "._core")},
    **{f"numpy{core}.multiarray scalar": _SCALAR for core in (".core", "._core")},
    "numpy ndarray": "the class of arrays",
    "numpy dtype": _DTYPE,
    "_codecs encode": "bytes",
    "__builtin__ bytes": "no bytes",
}
"""What may be named, and what it stands for."""


class Name:
    """What a name of `MAKERS` stands for: a mark on the stack, nothing that could be called."""

    def __init__(self, what: str) -> None:
        self.what = what


class Made:
    """What a call or a name stands for, until it is known."""

    def __init__(self, what: str, given: tuple[Any, ...] = ()) -> None:
        self.what, self.given = what, given
        self.array: np.ndarray | None = None
        self.order = "|"


def called(what: str, given: Any) -> Any:
    """What a call stands for."""
    if what == "bytes" and type(given) is tuple and given and type(given[0]) is str:
        return given[0]
    if what == "no bytes" and given == ():
        return ""
    made = Made(what, given if type(given) is tuple else ())
    if what == _SCALAR and len(made.given) == 2:
        dtype, raw = made.given
        return int(_array(raw, dtype, (1,), "C")[0])
    if what == "an array of a buffer" and len(made.given) == 4:
        raw, dtype, shape, order = made.given
        made.array = _array(raw, dtype, shape, order)
    return made


def set_state(made: Made, state: Any) -> None:
    """Take up what makes an empty array one with values, and of a dtype the order of bytes."""
    if made.what == _DTYPE and type(state) is tuple and len(state) > 1 and state[1] in ("<", ">", "|"):
        made.order = state[1]
    if made.what == _RECONSTRUCT and type(state) is tuple and len(state) == 5:
        _, shape, dtype, in_columns, raw = state
        made.array = _array(raw, dtype, shape, "F" if in_columns else "C")


def _array(raw: Any, dtype: Any, shape: Any, order: Any) -> np.ndarray:
    sides = shape if type(shape) is tuple and all(type(side) is int and side >= 0 for side in shape) else None
    if (kind := _kind(dtype)) is None or sides is None or type(raw) is not str or order != "C":
        raise ValueError("expected arrays of whole numbers in it, in C order")
    content = raw.encode("latin-1")
    if math.prod(sides) * kind.itemsize != len(content):
        raise ValueError(f"it has an array of the shape {sides} with {len(content)} bytes")
    return np.frombuffer(content, kind).reshape(sides)


def _kind(dtype: Any) -> np.dtype | None:
    """The type of whole numbers that a dtype says, in its order of bytes; `None` if it says another."""
    if not isinstance(dtype, Made) or dtype.what != _DTYPE or not dtype.given or type(dtype.given[0]) is not str:
        return None
    return np.dtype(dtype.order + dtype.given[0]) if dtype.given[0] in _WHOLE else None


def value_of(item: Any) -> Any:
    """The array that something stands for, where it stands for one."""
    if isinstance(item, Name):
        raise ValueError(f"it holds {item.what} where a value belongs")
    if isinstance(item, Made):
        if item.array is None:
            raise ValueError(f"it holds {item.what} where a value belongs")
        return item.array
    return item
