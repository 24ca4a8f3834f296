"""What did a model do while it ran, module by module, and what can be done with its norms?"""

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Literal

from ..tables import Table
from ._pictures import draw_wiring, wiring_text
from ._shown import Shown
from ._wiring_cells import wiring_table

WiringOutcome = Literal["folded", "shift", "scale-shifted", "left"]
"""What a fold would make of a norm, in the words of `FoldedNorm`."""


@dataclass(frozen=True, slots=True)
class WiringRow:
    """A module that ran and called no other one, a norm with all that is in it, or a function with a weight.

    Attributes:
        module: its path in the model, the first if it has several; `path [operator]` where a container's own forward
            computes with a weight.
        kind: its class, or `function`.
        calls: how often it was called in one pass, at most; 0: a norm that never was.
        output: the shape of its first result; None if that is no tensor.
        axis: where the output's channels lie; None where nobody knows.
        read_by: the rows that read its output, directly or by way of functions between modules (`+`, `cat`); also
            `RETURNED`, `KEPT` for somebody who still held it when the pass had ended, and `HANDS_ON` if it computes
            nothing.
        outcome: of a norm, what a fold would make of it; None: no norm.
        reason: why not more, if it is not `"folded"`.
        into: the modules that would take the norm up.
    """

    module: str
    kind: str
    calls: int
    output: tuple[int, ...] | None
    axis: int | None
    read_by: tuple[str, ...]
    outcome: WiringOutcome | None = None
    reason: str | None = None
    into: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, repr=False)
class WiringRecord(Shown):
    """What a run's net did with a few images; `batchnorm wiring --json` prints it.

    Attributes:
        run: the run's folder, or the model's file; empty for a model that was handed over.
        model: the net's name.
        data: the set whose test images were taken; None for random numbers, or what the caller gave.
        input: the shape of the input.
        input_read_by: the rows that read it.
        rows: in the order in which the modules ran first.
        ways: the passes that were watched: one, and more where the data or chance decide what the model does.
        notes: what else is to be known.
    """

    VERSION: ClassVar[int] = 1

    run: str
    model: str
    data: str | None
    input: tuple[int, ...]
    input_read_by: tuple[str, ...]
    rows: tuple[WiringRow, ...]
    ways: int
    notes: tuple[str, ...] = ()

    @property
    def norms(self) -> tuple[WiringRow, ...]:
        """The rows that are norms.

        Example:
            >>> row = WiringRow("bn", "BatchNorm2d", 1, (2, 3), 1, ("(returned)",), "left", "it has hooks")
            >>> record = WiringRecord("runs/x", "mine", None, (2, 3), ("bn",), (row,), 1)
            >>> [norm.module for norm in record.norms], record.count("left")
            (['bn'], 1)
        """
        return tuple(row for row in self.rows if row.outcome is not None)

    def count(self, outcome: WiringOutcome) -> int:
        """How many norms have that outcome."""
        return sum(row.outcome == outcome for row in self.rows)

    def tables(self) -> dict[str, Table]:
        """Return `"modules"`: who made what, who read it, and what can be done with each norm."""
        return {"modules": wiring_table(self)}

    def svg(self, path: Path | str | None = None) -> str:
        """Return the picture of the net as the text of an SVG file, and write it if a path is given.

        Raises:
            InputError: the path does not end in `.svg`.
            OSError: the file cannot be written.
        """
        if path is not None:
            self.plot(path)
        return wiring_text(self)

    def plot(self, path: Path | str) -> None:
        """Draw the net, as `.svg`."""
        draw_wiring(self, path)

    def _repr_html_(self) -> str:
        return self.svg()  # the picture says more than the table, and HTML holds it as it is
