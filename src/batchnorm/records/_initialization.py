"""What of a net came from the weights that it was started with, and what is new?"""

from dataclasses import dataclass
from typing import ClassVar, Literal

from ..tables import Table
from ._initialization_cells import left_table, parts_table, summary
from ._shown import Shown


@dataclass(frozen=True, slots=True)
class InitialTensor:
    """What became of one tensor of the net, or of the weights.

    Attributes:
        name: in the net; of an unused one, in the weights, without what was taken off.
        outcome: `"taken"`; `"summed"`: over the three colours, for grey images; `"new"`: it is as the net was made;
            `"unused"`: the net has none of that name.
        shape: in the net; None where it has none.
        given: in the weights; None where they have none.
        reason: why it is new.
    """

    name: str
    outcome: Literal["taken", "summed", "new", "unused"]
    shape: tuple[int, ...] | None
    given: tuple[int, ...] | None
    reason: str | None = None


@dataclass(frozen=True, slots=True, repr=False)
class Initialization(Shown):
    """What a net took of the weights that it was started with; printing it shows what fits and what does not.

    Attributes:
        init: what was asked for: a path, `timm:NAME` or `torchvision:NAME`.
        found: the file that was read, or the library's name of the weights.
        inside: the entry of the file that holds the tensors, such as `"state_dict"`; None if they are all of it.
        prefix: what was taken off their names, such as `"module."`.
        sha256: of the tensors that were taken, in hexadecimal digits.
        tensors: what became of each, in the order of the net's `state_dict`, those that it has no place for at the end.
        notes: what else is to be known.

    Example:
        >>> from batchnorm.records import InitialTensor
        >>> kept = InitialTensor("conv.weight", "taken", (8, 3, 3, 3), (8, 3, 3, 3))
        >>> head = InitialTensor("fc.weight", "new", (3, 8), (7, 8), "another shape")
        >>> record = Initialization("runs/a", "runs/a/model.safetensors", None, "", "00", (kept, head))
        >>> record.named("new"), record.summary()
        (('fc.weight',), '1 of 2 tensors from runs/a, 1 new')
        >>> print(record.table("left").csv())
        tensor,the net,the weights,why
        fc.weight,3x8,7x8,another shape
    """

    VERSION: ClassVar[int] = 1

    init: str
    found: str
    inside: str | None
    prefix: str
    sha256: str
    tensors: tuple[InitialTensor, ...]
    notes: tuple[str, ...] = ()

    def named(self, outcome: str) -> tuple[str, ...]:
        """Return the names of the tensors with that outcome."""
        return tuple(one.name for one in self.tensors if one.outcome == outcome)

    def summary(self) -> str:
        """Return one line: how many tensors of the net came from the weights."""
        return summary(self)

    def tables(self) -> dict[str, Table]:
        """Return `"parts"`, how much of each part was taken, and `"left"`, what was not simply taken, if any."""
        tables = {"parts": parts_table(self)}
        if any(one.outcome != "taken" for one in self.tensors):
            tables["left"] = left_table(self)
        return tables
