"""How are dicts, lists, words and arrays of whole numbers read from a pickle, so that nothing in it is called?

A pickle is a program for a small machine with a stack, some of whose steps call what the pickle names. Even an
unpickler that refuses names can be kept busy or filled: by tuples of tuples that take for ever to hash, or by a memo of
billions of places. So the steps, which `pickletools` reads, are followed here, and there are only those that make plain
values. The calls that make an array of NumPy are known by their names, and stand for the bytes that they carry.
"""

import math
import pickletools
from typing import Any

import numpy as np

_WHOLE = frozenset(f"{kind}{size}" for kind in "iu" for size in (1, 2, 4, 8))
"""Types of whole numbers."""
_TEXTS = frozenset(
    (
        *("STRING", "BINSTRING", "SHORT_BINSTRING", "UNICODE", "BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8"),
        *("BINBYTES", "SHORT_BINBYTES", "BINBYTES8", "BYTEARRAY8"),
    )
)
_NUMBERS = frozenset(("INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "LONG4"))
_CONSTANTS: dict[str, Any] = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False, "EMPTY_TUPLE": ()}
_TUPLES = {"TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}
_RECONSTRUCT = "an empty array"
_SCALAR = "a number of NumPy"
_DTYPE = "a dtype"
_MAKERS = {
    **{f"numpy{core}.multiarray _reconstruct": _RECONSTRUCT for core in (".core", "._core")},
    **{f"numpy{core}.numeric _frombuffer": "an array of a buffer" for core in (".core", "._core")},
    **{f"numpy{core}.multiarray scalar": _SCALAR for core in (".core", "._core")},
    "numpy ndarray": "the class of arrays",
    "numpy dtype": _DTYPE,
    "_codecs encode": "bytes",
    "__builtin__ bytes": "no bytes",
}
"""What may be named, and what it stands for."""


class _Name:
    """What a name of `_MAKERS` stands for: a mark on the stack, nothing that could be called."""

    def __init__(self, what: str) -> None:
        self.what = what


class _Made:
    """What a call or a name stands for, until it is known."""

    def __init__(self, what: str, given: tuple[Any, ...] = ()) -> None:
        self.what, self.given = what, given
        self.array: np.ndarray | None = None
        self.order = "|"


class _Mark:
    """Where a sequence begins on the stack."""


def read_pickle(content: bytes) -> Any:
    """Return what a pickle of plain values holds: bytes and words as words of Latin-1, arrays as NumPy's.

    Raises:
        ValueError: it holds something else, or is damaged.

    Example:
        >>> import pickle
        >>> read_pickle(pickle.dumps({"labels": [1, 2], b"data": np.zeros((2, 3), np.uint8)}, protocol=2))["labels"]
        [1, 2]
        >>> read_pickle(pickle.dumps(print))
        Traceback (most recent call last):
        ValueError: it names builtins print, which is none of the values that it may hold
    """
    reader = _Reader()
    for opcode, argument, _ in pickletools.genops(content):
        if opcode.name == "STOP":
            return _value(reader.popped())
        reader.follow(opcode.name, argument)
    raise ValueError("it is cut off")


class _Reader:
    """The machine: its stack, and what it remembers."""

    def __init__(self) -> None:
        self.stack: list[Any] = []
        self.memo: dict[int, Any] = {}

    def popped(self) -> Any:
        if not self.stack:
            raise ValueError("it is damaged: a step finds nothing to work on")
        return self.stack.pop()

    def top(self, kind: type) -> Any:
        if not self.stack or type(self.stack[-1]) is not kind:
            raise ValueError("it is damaged: a step finds something else than it works on")
        return self.stack[-1]

    def since_mark(self) -> list[Any]:
        items = []
        while not isinstance(item := self.popped(), _Mark):
            items.append(item)
        return items[::-1]

    def follow(self, name: str, argument: Any) -> None:
        """Do one step."""
        if name in ("PROTO", "FRAME"):
            return
        if name in _TEXTS:
            text = argument if isinstance(argument, str) else bytes(argument).decode("latin-1")
            self.stack.append(text)
        elif name in _NUMBERS:
            self.stack.append(argument)
        elif name in _CONSTANTS:
            self.stack.append(_CONSTANTS[name])
        elif name in _TUPLES:
            self.stack.append(tuple([self.popped() for _ in range(_TUPLES[name])][::-1]))
        elif step := getattr(self, f"_{name.lower()}", None):
            step(argument)
        else:
            raise ValueError(f"it holds something else than plain values ({name})")

    def _mark(self, _: Any) -> None:
        self.stack.append(_Mark())

    def _tuple(self, _: Any) -> None:
        self.stack.append(tuple(self.since_mark()))

    def _empty_list(self, _: Any) -> None:
        self.stack.append([])

    def _empty_dict(self, _: Any) -> None:
        self.stack.append({})

    def _list(self, _: Any) -> None:
        self.stack.append([*map(_value, self.since_mark())])

    def _dict(self, _: Any) -> None:
        items = self.since_mark()
        self.stack.append({})
        self.fill(items)

    def _append(self, _: Any) -> None:
        item = _value(self.popped())
        self.top(list).append(item)

    def _appends(self, _: Any) -> None:
        items = self.since_mark()
        self.top(list).extend(map(_value, items))

    def _setitem(self, _: Any) -> None:
        value = self.popped()
        self.fill([self.popped(), value])

    def _setitems(self, _: Any) -> None:
        self.fill(self.since_mark())

    def fill(self, items: list[Any]) -> None:
        keys, found = items[::2], self.top(dict)
        if len(items) % 2 or not all(type(key) is str for key in keys):
            raise ValueError("expected words as keys")
        found.update((key, _value(value)) for key, value in zip(keys, items[1::2], strict=True))

    def _binput(self, place: int) -> None:
        self.memo[place] = self.stack[-1] if self.stack else self.popped()

    _long_binput = _put = _binput

    def _memoize(self, _: Any) -> None:
        self._binput(len(self.memo))

    def _binget(self, place: int) -> None:
        if place not in self.memo:
            raise ValueError("it is damaged: a step asks for what was never kept")
        self.stack.append(self.memo[place])

    _long_binget = _get = _binget

    def _global(self, named: str) -> None:
        if named not in _MAKERS:
            raise ValueError(f"it names {named[:80]}, which is none of the values that it may hold")
        self.stack.append(_Name(_MAKERS[named]))

    def _stack_global(self, _: Any) -> None:
        member, module = self.popped(), self.popped()
        self._global(f"{module} {member}" if type(member) is type(module) is str else "nothing")

    def _reduce(self, _: Any) -> None:
        given = self.popped()
        self.stack[-1] = _called(self.top(_Name).what, given)

    def _build(self, _: Any) -> None:
        state = self.popped()
        _set_state(self.top(_Made), state)


def _called(what: str, given: Any) -> Any:
    """What a call stands for."""
    if what == "bytes" and type(given) is tuple and given and type(given[0]) is str:
        return given[0]
    if what == "no bytes" and given == ():
        return ""
    made = _Made(what, given if type(given) is tuple else ())
    if what == _SCALAR and len(made.given) == 2:
        dtype, raw = made.given
        return int(_array(raw, dtype, (1,), "C")[0])
    if what == "an array of a buffer" and len(made.given) == 4:
        raw, dtype, shape, order = made.given
        made.array = _array(raw, dtype, shape, order)
    return made


def _set_state(made: _Made, state: Any) -> None:
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
    if not isinstance(dtype, _Made) or dtype.what != _DTYPE or not dtype.given or type(dtype.given[0]) is not str:
        return None
    return np.dtype(dtype.order + dtype.given[0]) if dtype.given[0] in _WHOLE else None


def _value(item: Any) -> Any:
    """The array that something stands for, where it stands for one."""
    if isinstance(item, _Name):
        raise ValueError(f"it holds {item.what} where a value belongs")
    if isinstance(item, _Made):
        if item.array is None:
            raise ValueError(f"it holds {item.what} where a value belongs")
        return item.array
    return item
