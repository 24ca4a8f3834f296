"""How does a container hold again the very objects, in the same order, that it holds now?"""

from array import array
from collections import OrderedDict, deque
from collections.abc import Callable
from itertools import chain
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary, WeakSet, WeakValueDictionary

Step = Callable[[], object]


class _Kind(NamedTuple):
    """How a container is read as a list of objects, and written; by its own class, whatever a subclass overrides."""

    read: Callable[[Any], list[Any]]
    write: Callable[[Any, list[Any]], object]


def _mapping(kind: Any) -> _Kind:
    def read(table: Any) -> list[Any]:
        return [*chain.from_iterable(kind.items(table))]

    def write(table: Any, saved: list[Any]) -> None:
        kind.clear(table)
        for key, value in zip(saved[::2], saved[1::2], strict=True):
            kind.__setitem__(table, key, value)

    return _Kind(read, write)


def _collection(kind: Any, extend: str) -> _Kind:
    def write(collection: Any, saved: list[Any]) -> None:
        kind.clear(collection)
        getattr(kind, extend)(collection, saved)

    return _Kind(lambda collection: [*kind.__iter__(collection)], write)


def _sequence(kind: Any) -> _Kind:
    return _Kind(lambda given: [*kind.__iter__(given)], lambda given, saved: kind.__setitem__(given, _ALL, kind(saved)))


_ALL = slice(None)
_KINDS: dict[type, _Kind] = {
    OrderedDict: _mapping(OrderedDict),
    dict: _mapping(dict),
    list: _sequence(list),
    set: _collection(set, "update"),
    deque: _collection(deque, "extend"),
    bytearray: _sequence(bytearray),
    array: _Kind(lambda given: [bytes(given)], lambda given, saved: _write_array(given, saved[0])),
    WeakKeyDictionary: _mapping(WeakKeyDictionary),
    WeakValueDictionary: _mapping(WeakValueDictionary),
    WeakSet: _collection(WeakSet, "update"),
}


def _write_array(given: Any, saved: bytes) -> None:
    del given[:]
    given.frombytes(saved)


def container_step(container: object) -> Step | None:
    """Return what fills a container again, in place, with what it holds now; None if it is none, or cannot change.

    Example:
        >>> kept = [1, 2]
        >>> put_back = container_step(kept)
        >>> kept.append(3)
        >>> put_back()
        >>> kept, container_step((1, 2))
        ([1, 2], None)
    """
    kind = _KINDS.get(type(container)) or next(
        (kind for base, kind in _KINDS.items() if isinstance(container, base)), None
    )
    if kind is None:
        return None
    saved = kind.read(container)

    def put_back() -> None:
        if not _same(kind.read(container), saved):
            # In place: the handles of hooks, torch's code and the user's hold on to the container itself.
            kind.write(container, saved)

    return put_back


def members(container: Any) -> list[object]:
    """What a container holds, keys included; nothing, if it is none or holds plain numbers."""
    if isinstance(container, dict):
        return [*chain.from_iterable(dict.items(container))]
    kind = next((kind for kind in _MEMBERED if isinstance(container, kind)), None)
    return [] if kind is None else [*kind.__iter__(container)]


_MEMBERED: tuple[Any, ...] = (list, tuple, set, frozenset, deque)


BARE = frozenset({dict, *_MEMBERED})
"""Containers without attributes, if they are of the very class."""
FIXED = frozenset({tuple, frozenset})
"""Those that cannot change."""


def _same(present: list[Any], saved: list[Any]) -> bool:
    # By identity: tensors have no truth value, and an equal object is not the same one.
    pairs = zip(present, saved, strict=False)
    return len(present) == len(saved) and all(a is b or (type(a) is bytes and a == b) for a, b in pairs)
