"""Which tensors and plain values are in what a model is given, or gives?"""

from collections.abc import ItemsView, KeysView, ValuesView
from dataclasses import dataclass, field
from itertools import islice
from types import FunctionType
from typing import Any

from torch import Tensor

from ._kinds import opening_of
from ._opening import is_array, is_plain
from ._state import attached_to

DEEPEST = 64
MOST_OF_ITERATOR = 256
"""How many values are read of an iterator that a model returned."""


@dataclass(frozen=True, slots=True)
class Closed:
    """A part into which nobody can look.

    Attributes:
        path: how one comes to it, as one would write it: `.graph.edges[0]`, "" for the whole.
        value: the part itself.
        why: the reason.
    """

    path: str
    value: object
    why: str

    def __str__(self) -> str:
        """The part and the reason, as a message names them."""
        return f"{self.path or 'the whole'} ({type(self.value).__name__}): {self.why}"


@dataclass(slots=True)
class Leaves:
    """What was found in a value.

    Attributes:
        found: every tensor, array and plain value with its path, in a fixed order.
        containers: what they lie in: the paths, with class and length. One that was met before is not opened again.
        closed: the parts that could not be opened.
    """

    found: list[tuple[str, Any]] = field(default_factory=list)
    containers: list[tuple[str, str]] = field(default_factory=list)
    closed: list[Closed] = field(default_factory=list)

    @property
    def tensors(self) -> list[Tensor]:
        """Every tensor."""
        return [value for _, value in self.found if isinstance(value, Tensor)]


def leaves_of(value: object, *, most_of_iterator: int = 0) -> Leaves:
    """Open a value down to its tensors and plain values: containers, dataclasses, objects with attributes or slots.

    Args:
        value: anything.
        most_of_iterator: read generators and the like, up to so many values; they are used up then. Else, and where
            one has more, it is closed.

    Example:
        >>> found = leaves_of({"x": [1.0, None], "rows": iter("ab")})
        >>> found.found
        [("['x'][0]", 1.0), ("['x'][1]", None)]
        >>> print(found.closed[0])
        ['rows'] (str_ascii_iterator): it is only to be read in turn
    """
    leaves = Leaves()
    walk = _Walk(leaves, most_of_iterator)
    walk.into(value, "", 0)
    return leaves


class _Walk:
    """One walk; it keeps what it has met, so that an id stays that of one object."""

    def __init__(self, leaves: Leaves, most: int) -> None:
        self._leaves = leaves
        self._most = most
        self._met: dict[int, tuple[str, object]] = {}

    def into(self, value: Any, path: str, depth: int) -> None:
        if isinstance(value, Tensor):
            self._leaves.found.append((path, value))
            if id(value) not in self._met:
                self._met[id(value)] = path, value
                self._parts(((f".{name}", part) for name, part in attached_to(value).items()), path, depth)
        elif (is_plain(value) and type(value) is not tuple) or is_array(value):
            self._leaves.found.append((path, _as_constant(value)))
        elif id(value) in self._met:
            self._leaves.containers.append((path, f"the same as {self._met[id(value)][0] or 'the whole'}"))
        elif depth > DEEPEST:
            self._close(path, value, "it lies too deep")
        else:
            self._met[id(value)] = path, value
            self._open(value, path, depth)

    def _open(self, value: Any, path: str, depth: int) -> None:
        items = self._items(value)
        if items is None:
            opening = opening_of(value)
            if isinstance(opening, str):
                self._close(path, value, opening)
                return
            parts = opening.parts
        elif isinstance(items, str):
            self._close(path, value, items)
            return
        else:
            parts = [(f"[{place}]", part) for place, part in enumerate(items)]
        self._leaves.containers.append((path, f"{type(value).__qualname__} of {len(parts)}"))
        self._parts(parts, path, depth)

    def _parts(self, parts: Any, path: str, depth: int) -> None:
        for step, part in parts:
            self.into(part, path + step, depth + 1)

    def _items(self, value: Any) -> list[Any] | str | None:
        """What can be read one after the other, or why it is not; None if it is no such thing."""
        if not _is_read_in_turn(value):
            return None
        if not self._most:
            return "it is only to be read in turn"
        items = [*islice(value, self._most + 1)]
        return items if len(items) <= self._most else f"it has more than {self._most} values"

    def _close(self, path: str, value: object, why: str) -> None:
        self._leaves.closed.append(Closed(path, value, why))


def _is_read_in_turn(value: object) -> bool:
    """Whether it is an iterator of Python's own, or a view of a dict. A file would be one, too."""
    own = type(value).__module__ in ("builtins", "itertools")
    return own and (hasattr(value, "__next__") or isinstance(value, KeysView | ValuesView | ItemsView))


def _as_constant(value: Any) -> Any:
    if isinstance(value, FunctionType):
        return value.__code__  # the function itself may be made anew in each call
    return frozenset(value) if isinstance(value, set) else value
