"""What did `freeze` or `unfreeze` change in a model, and what was so before?"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar, Literal

from ..tables import NONE, Column, Table, counted
from ._outcomes import Outcomes
from ._shown import Shown


@dataclass(frozen=True, slots=True)
class NormFreezing:
    """What was changed in one norm: whether its statistics were, and the `requires_grad` of which parameters."""

    name: str
    kind: str
    statistics: bool
    parameters: tuple[str, ...]


@dataclass(frozen=True, slots=True, repr=False)
class Freezing(Outcomes, Shown):
    """What `batchnorm.freeze` or `batchnorm.unfreeze` did.

    `norms` are those that were meant, in the order of `named_modules`, also where there was nothing to do: `outcome_of`
    is "frozen" or "released", or "already" there. `notes` are sentences for the user. There is nothing to prove.

    Example:
        >>> import torch
        >>> from batchnorm import freeze
        >>> net = torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.BatchNorm1d(2))
        >>> record = freeze(net, affine=True)
        >>> print(record.table().csv())
        norm,statistics,parameters
        1,frozen,"weight, bias"
        >>> record.outcome_of("1"), record.named("already")
        ('frozen', ())
        >>> record.statistics, record.parameters, freeze(net).already
        (('1',), ('1.weight', '1.bias'), ('1',))
    """

    VERSION: ClassVar[int] = 1

    verb: Literal["freeze", "unfreeze"]
    norms: tuple[NormFreezing, ...]
    notes: tuple[str, ...] = ()

    proof: ClassVar[None] = None

    def outcomes(self) -> Iterable[tuple[str, str]]:
        """Return the name of each norm that was meant, and what became of it."""
        done = "frozen" if self.verb == "freeze" else "released"
        return ((norm.name, done if norm.statistics or norm.parameters else "already") for norm in self.norms)

    @property
    def statistics(self) -> tuple[str, ...]:
        """The norms whose running statistics were frozen, or released."""
        return tuple(norm.name for norm in self.norms if norm.statistics)

    @property
    def parameters(self) -> tuple[str, ...]:
        """The parameters whose `requires_grad` was switched."""
        return tuple(_inside(norm.name, name) for norm in self.norms for name in norm.parameters)

    @property
    def already(self) -> tuple[str, ...]:
        """The norms that were meant and in which there was nothing to change."""
        return tuple(norm.name for norm in self.norms if not norm.statistics and not norm.parameters)

    def tables(self) -> dict[str, Table]:
        """Return `"norms"`: what was changed in each."""
        return {"norms": _norms_table(self)}


def _inside(norm: str, name: str) -> str:
    return name if norm == "the model" else f"{norm}.{name}"


def _norms_table(record: Freezing) -> Table:
    done = "frozen" if record.verb == "freeze" else "released"
    columns = (Column("norm", "left", wrap=True), Column("statistics", "left"), Column("parameters", "left", wrap=True))
    rows = tuple(
        (norm.name, done if norm.statistics else NONE, ", ".join(norm.parameters) or NONE) for norm in record.norms
    )
    changed = counted(len(record.statistics), "norm's statistics", "norms' statistics")
    title = f"{record.verb}: {changed}, {counted(len(record.parameters), 'parameter')}"
    return Table(columns, rows, title, (f"{NONE}: as before",) if any(NONE in row for row in rows) else ())
