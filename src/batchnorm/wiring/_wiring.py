"""What is known of a model that has been watched while it ran?"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from torch import nn

from ._events import Call, Pass, Value
from ._follow import Followed, follow_all
from ._units import NormCall, Unit, find_units, is_norm


@dataclass(frozen=True, slots=True, eq=False)
class Wiring:
    """Which module or function made which tensor, and who read it, in one or several passes.

    Attributes:
        model: the module that ran, without `torch.compile` around it.
        passes: what was seen, one for each example, and more where the data or chance decide about the way.
        notes: what was taken off the model.
        complete: False if the data open more ways than were tried.
        draws: whether the model draws random numbers.
    """

    model: nn.Module
    passes: tuple[Pass, ...]
    notes: tuple[str, ...] = ()
    complete: bool = True
    draws: bool = False
    _units: dict[int, list[Unit]] = field(default_factory=dict)
    _followed: dict[int, list[Followed]] = field(default_factory=dict)
    _norm_calls: dict[str, list[tuple[Pass, NormCall]]] = field(default_factory=dict)

    @property
    def calls(self) -> tuple[Call, ...]:
        """The calls of modules in the first pass, in the order in which they began."""
        return tuple(self.passes[0].calls)

    def units(self, seen: Pass) -> list[Unit]:
        """The norms and the products with a weight that ran in a pass."""
        if id(seen) not in self._units:
            self._units[id(seen)] = find_units(seen)
        return self._units[id(seen)]

    def followed(self, seen: Pass) -> list[Followed]:
        """Where the output of each of them went."""
        if id(seen) not in self._followed:
            self._followed[id(seen)] = follow_all(seen, self.units(seen))
        return self._followed[id(seen)]

    def norms(self) -> dict[str, nn.Module]:
        """Every batch norm of the model by its first name, called or not."""
        return {name: module for name, module in self.model.named_modules() if is_norm(module)}

    def norm_calls(self, name: str) -> list[tuple[Pass, NormCall]]:
        """The calls of a norm in all passes."""
        if not self._norm_calls:
            for seen in self.passes:
                for unit in self.units(seen):
                    if isinstance(unit, NormCall):
                        self._norm_calls.setdefault(unit.name, []).append((seen, unit))
        return self._norm_calls.get(name, [])

    def times_called(self, name: str) -> int:
        """How often a module was called in the first pass."""
        return sum(call.name == name for call in self.calls)

    def readers_of(self, name: str) -> tuple[str, ...]:
        """The modules in which the results of a module were read in the first pass, and `(returned)`, `(kept)`."""
        seen = self.passes[0]
        found: dict[str, None] = {}
        for call in seen.calls:
            if call.name != name or not isinstance(call.result, Value):
                continue
            storage = call.result.storage
            for operation in seen.readers(storage):
                if operation.index >= call.end:
                    found[_outermost(seen, operation.calls, call)] = None
            if storage in seen.results:
                found["(returned)"] = None
            elif storage in seen.alive:
                found["(kept)"] = None
        return tuple(found)

    def __str__(self) -> str:
        """A table: a row for each module that ran and has no modules in it."""
        rows = [("module", "kind", "calls", "output", "read by")]
        rows += [self._row(name) for name in self.leaves()]
        widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]) - 1)]
        return "\n".join(
            "  ".join([*(text.ljust(width) for text, width in zip(row, widths, strict=False)), row[-1]]) for row in rows
        )

    def leaves(self) -> list[str]:
        """The names of the modules that ran and called no other module, in the order in which they ran."""
        parents = {self.calls[call.parents[-1]].index for call in self.calls if call.parents}
        return [*dict.fromkeys(call.name for call in self.calls if call.index not in parents)]

    def _row(self, name: str) -> tuple[str, str, str, str, str]:
        call = next(call for call in self.calls if call.name == name)
        shape = "x".join(map(str, call.output.shape)) if call.output else "-"
        readers = ", ".join(reader or "(model)" for reader in self.readers_of(name))
        return name or "(model)", type(call.module).__name__, str(self.times_called(name)), shape, readers or "-"


def _outermost(seen: Pass, inside: Sequence[int], reader: Call) -> str:
    """The module that an operator ran in, the largest that the call which made the tensor was not in."""
    for index in inside:
        if index not in reader.parents:
            return seen.calls[index].name
    return seen.calls[inside[-1]].name if inside else ""
