"""From which row of a wiring to which other ones did the tensors of a pass go?

A module is a row; what functions between modules made (`+`, `cat`, `F.relu`) still comes from the modules whose
tensors they were given. What is written in place is, from then on, the writer's.
"""

from collections.abc import Iterable, Iterator, Sequence

from torch.utils._pytree import tree_leaves

from ..records import HANDS_ON, INPUT, KEPT, RETURNED
from ._events import Operation, Pass, Value
from ._parts import Part

Origin = tuple[str, int]
"""A row, and which of its calls."""
Link = tuple[str, str]
"""Who made a tensor, and who read it."""


def links_of(seen: Pass, parts: Sequence[Part]) -> Iterator[Link]:
    """Yield every link of a pass, in the order of reading; the same one may come again."""
    at = {index: (part.name, number) for number, part in enumerate(parts) for index in part.events}
    origins = _Origins(seen.inputs)
    for operation in seen.operations:
        yield from _step(origins, operation, at.get(operation.index))
    for part in parts:
        if part.hands_on:
            yield part.name, HANDS_ON
    yield from _at_the_end(origins, seen)


def _step(origins: "_Origins", operation: Operation, row: Origin | None) -> Iterator[Link]:
    sources = origins.of(operation.inputs)
    made: Iterable[Origin] = sources
    if row is not None:
        yield from ((source, row[0]) for source, number in sources if (source, number) != row)
        # What a module makes of nothing but its own weights is not its output yet.
        made = (row,) if sources else ()
    if operation.is_view:
        for value in operation.outputs:
            if value not in operation.inputs:  # an alias cannot be told from the tensor itself
                origins.see(value, made)
    else:
        for storage in operation.writes:
            origins.write(storage, made)


def _at_the_end(origins: "_Origins", seen: Pass) -> Iterator[Link]:
    root = seen.calls[0].result if seen.calls and not seen.calls[0].parents else None
    returned = [leaf for leaf in tree_leaves(root) if isinstance(leaf, Value)]
    found = dict.fromkeys(origins.of(returned))
    for storage in sorted(seen.results - {value.storage for value in returned}):
        found.update(dict.fromkeys(origins.of_storage(storage)))
    yield from ((source, RETURNED) for source, _ in found)
    for storage in sorted(seen.alive - seen.results - seen.inputs - seen.tensors.keys()):
        yield from ((source, KEPT) for source, _ in origins.of_storage(storage))


class _Origins:
    """Which rows made what lies in a storage now, and what a view of it shows."""

    def __init__(self, inputs: Iterable[int]) -> None:
        self._storages: dict[int, tuple[Origin, ...]] = dict.fromkeys(inputs, ((INPUT, -1),))
        self._views: dict[int, dict[Value, tuple[Origin, ...]]] = {}

    def of(self, values: Iterable[Value]) -> tuple[Origin, ...]:
        """The rows that made these tensors, each once."""
        found: dict[Origin, None] = {}
        for value in values:
            found.update(dict.fromkeys(self._views.get(value.storage, {}).get(value, self.of_storage(value.storage))))
        return tuple(found)

    def of_storage(self, storage: int) -> tuple[Origin, ...]:
        """The rows that made what lies there."""
        return self._storages.get(storage, ())

    def see(self, value: Value, made: Iterable[Origin]) -> None:
        """Let a view be of these rows: a module that only reshapes made its output all the same."""
        self._views.setdefault(value.storage, {})[value] = tuple(made)

    def write(self, storage: int, made: Iterable[Origin]) -> None:
        """Let a storage be of these rows."""
        self._storages[storage] = tuple(made)
        self._views.pop(storage, None)
