"""Who reads a tensor, directly or by way of operators that only move its channels?"""

import heapq
from collections.abc import Sequence
from dataclasses import dataclass, field

from torch import Tensor

from ._events import Operation, Pass, Value, values_in
from ._marks import Marks, touched
from ._movement import pass_on
from ._normalizations import normalizations_of
from ._units import NormCall, Product, Unit, innermost


@dataclass(frozen=True, slots=True)
class Arrival:
    """A unit whose input is made of a followed tensor.

    Attributes:
        marks: for each element of the unit's input the channel that it is of, -1 where it is of none; None where the
            input is the followed tensor itself.
    """

    unit: Unit
    marks: Tensor | None


@dataclass(slots=True)
class Followed:
    """Where a unit's output went.

    Attributes:
        arrivals: the units that read it.
        lost: why not everything that reads it is known, if it is so: what follows "the output ...".
    """

    unit: Unit
    arrivals: list[Arrival] = field(default_factory=list)
    lost: str | None = None


def follow_all(seen: Pass, units: Sequence[Unit]) -> list[Followed]:
    """Follow the output of every unit of a pass."""
    at = {index: unit for unit in units for index in unit.events}
    loose = {index: norm.name for norm in normalizations_of(seen) for index in norm.events}
    return [follow(seen, at, loose, unit) for unit in units if isinstance(unit.output, Value)]


def follow(seen: Pass, at: dict[int, Unit], loose: dict[int, str], unit: Unit) -> Followed:
    """Follow one output until everybody who reads it is a unit, or somebody is not.

    Args:
        seen: the pass.
        at: the unit that an operator belongs to.
        loose: the batch norm that it belongs to, which is no unit if it is no module's.
        unit: whose output it is.
    """
    output = unit.output
    assert output is not None  # noqa: S101  # the caller has looked
    found = Followed(unit)
    axis = unit.out_axis if isinstance(unit, Product) else unit.axis
    marks = Marks(seen, output, axis)
    waiting = _Waiting(seen, output.storage, unit.events.stop)
    while found.lost is None and (operation := waiting.next()) is not None:
        reader = at.get(operation.index)
        if reader is unit:
            continue
        if reader is not None:
            found.lost = _arrive(found, marks, operation, reader)
        elif operation.index in loose:
            found.lost = f"is read by {loose[operation.index]} in {_place(seen, operation)}"
        else:
            before = marks.storages
            problem = pass_on(marks, operation)
            found.lost = problem and f"{problem} in {_place(seen, operation)}"
            for storage in marks.storages - before:
                waiting.add(storage, operation.index)
    found.lost = found.lost or _seen_by_others(seen, marks)
    return found


class _Waiting:
    """The operators that are to be looked at, in the order in which they ran."""

    def __init__(self, seen: Pass, storage: int, begin: int) -> None:
        self._seen = seen
        self._heap: list[int] = []
        self.add(storage, begin - 1)

    def add(self, storage: int, behind: int) -> None:
        """Wait for those that touch a storage behind an operator."""
        for index in self._seen.touching.get(storage, ()):
            if index > behind and not self._seen.operations[index].is_view:
                heapq.heappush(self._heap, index)

    def next(self) -> Operation | None:
        """The next of them, once."""
        if not self._heap:
            return None
        index = heapq.heappop(self._heap)
        while self._heap and self._heap[0] == index:
            heapq.heappop(self._heap)
        return self._seen.operations[index]


def _arrive(found: Followed, marks: Marks, operation: Operation, reader: Unit) -> str | None:
    """Note a reader; say why if it does not read the tensor as its data."""
    name = reader.call.name if isinstance(reader, NormCall) else reader.where
    if touched(marks, operation) != {reader.input.storage}:
        return f"is taken by {name or 'the model'} as something other than its input"
    if reader.input.dtype != marks.dtype:
        return f"is read by {name or 'the model'} as another dtype"
    if reader.input.storage in operation.writes:
        return f"is overwritten by {name or 'the model'}"
    if isinstance(reader, NormCall) and _times(reader, marks) != 1:
        return f"is given to {name or 'the model'} twice"
    if found.arrivals and _kind(found.arrivals[0].unit) != _kind(reader):
        return f"is read by {_named(found.arrivals[0].unit)} and by {_named(reader)}"
    if all(arrival.unit is not reader for arrival in found.arrivals):
        axis = reader.axis if isinstance(reader, NormCall) else reader.in_axis
        whole = marks.are_untouched(reader.input, axis)
        found.arrivals.append(Arrival(reader, None if whole else marks.of(reader.input).clone()))
    return None


def _kind(unit: Unit) -> tuple[str, str]:
    """What all readers have to have in common, if what they read is to be changed: to be products, or one norm."""
    return ("norm", unit.name) if isinstance(unit, NormCall) else ("product", "products")


def _named(unit: Unit) -> str:
    return f"the norm {unit.name}" if isinstance(unit, NormCall) else unit.where or "the model"


def _times(reader: NormCall, marks: Marks) -> int:
    return sum(value.storage in marks for value in values_in((reader.call.args, reader.call.kwargs)))


def _seen_by_others(seen: Pass, marks: Marks) -> str | None:
    """Whether somebody has the tensor whose reading is not to be seen."""
    if seen.results & marks.storages:
        return "is returned by the model"
    for escape in seen.escapes:
        if escape.storages & marks.storages:
            return f"leaves torch by {escape.how}()"
    for storage in marks.storages & seen.hooked.keys():
        return f"is seen by a hook of {seen.hooked[storage] or 'the model'}"
    if seen.alive & marks.storages:
        return "is kept by something after the forward"
    return None


def _place(seen: Pass, operation: Operation) -> str:
    return innermost(seen, operation) or "the model's forward"
