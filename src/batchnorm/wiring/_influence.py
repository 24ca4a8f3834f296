"""Which tensors of the model were what a module is given computed from, through whatever stood between?"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby

from torch.utils._pytree import tree_leaves

from ._events import ModuleCall, Opaque, Operation, Pass, Value


@dataclass(frozen=True, slots=True)
class Influence:
    """The sources that had a part in what a module, or an operator inside it, was given: one bit of a number for each.

    Attributes:
        call: of the module.
        first: the sources of the first tensor.
        all: those of all of them.
        operator: the operator's name; None where the module itself is meant.
        taken: the sources that are among its arguments themselves.
    """

    call: ModuleCall
    first: int
    all: int
    operator: str | None = None
    taken: int = 0


def influences(seen: Pass, sources: Mapping[str, int], operators: Collection[str] = ()) -> Iterator[Influence]:
    """Yield, for each call of a module in the order in which they began, what its arguments were computed from.

    Operators pass on what they read, views and writes in place included. What left torch (NumPy, `.item()`), and every
    answer that Python was given, may have a part in all that is done afterwards.

    Args:
        seen: the pass.
        sources: names of parameters and buffers, each with the number of its bit.
        operators: names of operators whose arguments are told, too, where they ran in a module.
    """
    known = _Known(seen, sources)
    calls = {index: [*group] for index, group in groupby(seen.calls, lambda call: call.start)}
    escapes = {index: [*group] for index, group in groupby(seen.escapes, lambda escape: escape.index)}
    for index in range(len(seen.operations) + 1):
        for escape in escapes.get(index, ()):
            known.give_out(escape.storages)
        for call in calls.get(index, ()):
            yield known.at(call, (call.args, call.kwargs))
        if index < len(seen.operations):
            operation = seen.operations[index]
            if operation.calls and operation.name in operators:
                yield known.at(seen.calls[operation.calls[-1]], (operation.args, operation.kwargs), operation.name)
            known.run(operation)


class _Known:
    """What every storage was computed from so far; `told`: what Python knows of; `read`: what anybody has read."""

    def __init__(self, seen: Pass, sources: Mapping[str, int]) -> None:
        self.told = self.read = 0
        self._outside: set[int] = set()
        self._sources: dict[int, int] = {}
        for name, bit in sources.items():
            if name in seen.values:
                storage = seen.values[name].storage
                self._sources[storage] = self._sources.get(storage, 0) | 1 << bit
        self._of = dict.fromkeys((*seen.inputs, *seen.tensors), 0) | self._sources

    def at(self, call: ModuleCall, given: object, operator: str | None = None) -> Influence:
        """What a call was given."""
        leaves = _tensors(given)
        taken = 0
        for leaf in leaves:
            taken |= self._sources.get(leaf.storage, 0) if isinstance(leaf, Value) else 0
        return Influence(call, self.of(leaves[:1]), self.of(leaves), operator, taken)

    def of(self, leaves: list[Value | Opaque]) -> int:
        """The sources of some tensors; of one that cannot be followed all that was read."""
        found = 0
        for leaf in leaves:
            if isinstance(leaf, Value):
                found |= self._of.get(leaf.storage, self.told)
                found |= self.told if leaf.storage in self._outside else 0
            else:
                found |= self.read
        return found

    def run(self, operation: Operation) -> None:
        """Pass on what an operator read."""
        found = self.told | self.of(_tensors((operation.args, operation.kwargs)))
        self.read |= found
        fresh = {value.storage for value in operation.outputs} - {value.storage for value in operation.inputs}
        for storage in operation.writes:
            self._of[storage] = found if storage in fresh else self._of.get(storage, 0) | found
        if operation.scalar_of_data or _answers(operation):
            self.told |= found

    def give_out(self, storages: frozenset[int]) -> None:
        """Let somebody outside have these: whatever comes from there may be made of them."""
        for storage in storages:
            self.told |= self._of.get(storage, 0)
        self._outside |= storages


def _tensors(given: object) -> list[Value | Opaque]:
    return [
        leaf for leaf in tree_leaves(given) if isinstance(leaf, Value) or (isinstance(leaf, Opaque) and leaf.is_tensor)
    ]


def _answers(operation: Operation) -> bool:
    if operation.name.startswith("aten.sym_"):
        return False
    return any(isinstance(leaf, bool | int | float) for leaf in tree_leaves(operation.result))
