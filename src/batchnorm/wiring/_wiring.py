"""What is known of a model that has been watched while it ran?"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from torch import nn

from ..norms import is_norm
from ..records import WiringRecord
from ..tables import Table
from ._events import ModuleCall, Pass
from ._follow import Followed, follow_all
from ._links import Link, links_of
from ._normalizations import Normalization
from ._parts import Part, loose_norms, parts_of
from ._units import NormCall, Unit, find_units


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Wiring:
    """Which module or function produced each tensor, and which used it, in one or several passes.

    Attributes:
        model: the module that ran, without `torch.compile` around it.
        passes: what was seen, one for each example, and more where the data or chance decide about the way.
        notes: what was taken off the model.
        complete: False if the data open more ways than were tried.
        unseen: parts of the examples by which the model may have decided what it does without being seen.
        draws: whether the model draws random numbers.
    """

    model: nn.Module
    passes: tuple[Pass, ...]
    notes: tuple[str, ...] = ()
    complete: bool = True
    unseen: tuple[str, ...] = ()
    draws: bool = False
    _units: dict[int, list[Unit]] = field(default_factory=dict)
    _followed: dict[int, list[Followed]] = field(default_factory=dict)
    _parts: dict[int, list[Part]] = field(default_factory=dict)
    _norm_calls: dict[str, list[tuple[Pass, NormCall]]] = field(default_factory=dict)

    @property
    def calls(self) -> tuple[ModuleCall, ...]:
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

    def loose_norms(self, seen: Pass) -> tuple[Normalization, ...]:
        """The calls of `F.batch_norm`, and of ours, in a pass that ran outside every norm."""
        return tuple(loose_norms(seen, self.units(seen)))

    def parts(self, seen: Pass) -> list[Part]:
        """The rows of a pass, call by call: modules that called no other one, norms, products of a forward's own."""
        if id(seen) not in self._parts:
            self._parts[id(seen)] = parts_of(seen, self.units(seen))
        return self._parts[id(seen)]

    def links(self, seen: Pass) -> Iterator[Link]:
        """Who made a tensor and who read it, row by row, in the order of reading; the same link may come again."""
        return links_of(seen, self.parts(seen))

    def times_called(self, name: str) -> int:
        """How often a module was called in the first pass."""
        return sum(call.name == name for call in self.calls)

    def readers_of(self, name: str) -> tuple[str, ...]:
        """The rows that read what a row made in the first pass, by way of functions between them, too.

        Among them `batchnorm.records.RETURNED`, and `KEPT` for somebody who still held it at the end.
        """
        return tuple(dict.fromkeys(reader for maker, reader in self.links(self.passes[0]) if maker == name))

    def record(self) -> WiringRecord:
        """Return it as plain data: a row for each module, and what a fold would make of each norm now.

        Raises:
            RefusedError: the model was changed since it was traced: it was folded, say.

        Example:
            >>> from torch import zeros
            >>> import batchnorm
            >>> wiring = batchnorm.trace(nn.Sequential(nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4)).eval(), zeros(1, 3, 2, 2))
            >>> wiring.record().norms[0].outcome
            'folded'
        """
        # What can be done with a norm is for `surgery` to say, which imports this folder: asked when it is wanted.
        from ..surgery import wiring_record

        return wiring_record(self)

    def table(self) -> Table:
        """Return who made what, who read it, and what can be done with each norm, as a table."""
        return self.record().table()

    def svg(self, path: Path | str | None = None) -> str:
        """Return the picture of the model as the text of an SVG file, and write it if a path is given.

        Raises:
            InputError: the path does not end in `.svg`.
            OSError: the file cannot be written.
        """
        return self.record().svg(path)

    def __str__(self) -> str:
        return str(self.table())

    def __repr__(self) -> str:
        return f"Wiring({type(self.model).__name__}, passes={len(self.passes)}, calls={len(self.calls)})"

    def _repr_html_(self) -> str:
        return self.svg()
