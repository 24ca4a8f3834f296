"""How are dicts, lists, words and arrays of whole numbers read from a pickle, so that nothing in it is called?

A pickle is a program for a small machine with a stack, some of whose steps call what the pickle names. Even an
unpickler that refuses names can be kept busy or filled: by tuples of tuples that take for ever to hash, or by a memo of
billions of places. So the steps, which `pickletools` reads, are followed here, and there are only those that make plain
values. The calls that make an array of NumPy are known by their names, and stand for the bytes that they carry.
"""

import pickletools
from typing import Any

from ._pickled_arrays import MAKERS, Made, Name, called, set_state, value_of

_TEXTS = frozenset(
    (
        *("STRING", "BINSTRING", "SHORT_BINSTRING", "UNICODE", "BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8"),
        *("BINBYTES", "SHORT_BINBYTES", "BINBYTES8", "BYTEARRAY8"),
    )
)
_NUMBERS = frozenset(("INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "LONG4"))
_CONSTANTS: dict[str, Any] = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False, "EMPTY_TUPLE": ()}
_TUPLES = {"TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}


class _Mark:
    """Where a sequence begins on the stack."""


def read_pickle(content: bytes) -> Any:
    """Return what a pickle of plain values holds: bytes and words as words of Latin-1, arrays as NumPy's.

    Raises:
        ValueError: it holds something else, or is damaged.

    Example:
        >>> import pickle
        >>> import numpy as np
        >>> read_pickle(pickle.dumps({"labels": [1, 2], b"data": np.zeros((2, 3), np.uint8)}, protocol=2))["labels"]
        [1, 2]
        >>> read_pickle(pickle.dumps(print))
        Traceback (most recent call last):
        ValueError: it names builtins print, which is none of the values that it may hold
    """
    reader = _Reader()
    for opcode, argument, _ in pickletools.genops(content):
        if opcode.name == "STOP":
            return value_of(reader.popped())
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
        self.stack.append([*map(value_of, self.since_mark())])

    def _dict(self, _: Any) -> None:
        items = self.since_mark()
        self.stack.append({})
        self.fill(items)

    def _append(self, _: Any) -> None:
        item = value_of(self.popped())
        self.top(list).append(item)

    def _appends(self, _: Any) -> None:
        items = self.since_mark()
        self.top(list).extend(map(value_of, items))

    def _setitem(self, _: Any) -> None:
        value = self.popped()
        self.fill([self.popped(), value])

    def _setitems(self, _: Any) -> None:
        self.fill(self.since_mark())

    def fill(self, items: list[Any]) -> None:
        keys, found = items[::2], self.top(dict)
        if len(items) % 2 or not all(type(key) is str for key in keys):
            raise ValueError("expected words as keys")
        found.update((key, value_of(value)) for key, value in zip(keys, items[1::2], strict=True))

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
        if named not in MAKERS:
            raise ValueError(f"it names {named[:80]}, which is none of the values that it may hold")
        self.stack.append(Name(MAKERS[named]))

    def _stack_global(self, _: Any) -> None:
        member, module = self.popped(), self.popped()
        self._global(f"{module} {member}" if type(member) is type(module) is str else "nothing")

    def _reduce(self, _: Any) -> None:
        given = self.popped()
        self.stack[-1] = called(self.top(Name).what, given)

    def _build(self, _: Any) -> None:
        state = self.popped()
        set_state(self.top(Made), state)
