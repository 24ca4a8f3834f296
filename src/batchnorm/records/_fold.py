"""What was done with the norms of a model that was folded."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar

from ..tables import Table
from ._fold_cells import report_tables, summary
from ._outcomes import Outcomes
from ._shown import Shown


@dataclass(frozen=True)
class FoldedNorm:
    """What became of one norm.

    Attributes:
        name: its path in the model.
        kind: its class.
        outcome: `"folded"`: nothing of its arithmetic runs any more; `"shift"`: its factors are in a weight, its shift
            stays in its place; `"scale-shifted"`: one multiply-add with constants instead of it; `"left"`: as it was.
        into: the modules and norms that took it up.
        reason: why not more was done, if it was not.
    """

    name: str
    kind: str
    outcome: str
    into: tuple[str, ...] = ()
    reason: str | None = None


@dataclass(frozen=True)
class FoldProof:
    """How far the outputs of the folded model are from those before, on the examples and on random inputs like them.

    A difference is in units of the largest number of its output; of whole numbers it is the share that differs.

    Attributes:
        inputs: how many inputs were compared.
        error_float64: the largest difference where everything is computed in float64; None if the model cannot be.
        error: the largest difference in the model's dtype.
        rounding: how far the model was from float64 before it was folded; None if that is not known.
        dtype: the model's.
    """

    inputs: int
    error_float64: float | None
    error: float
    rounding: float | None
    dtype: str


@dataclass(frozen=True, repr=False)
class FoldReport(Outcomes, Shown):
    """What `fold` has done; printing it begins with one line about all norms, then a row for each.

    Attributes:
        norms: every norm of the model, in its order.
        loose: the modules whose forward calls `F.batch_norm`: there is no module that could be replaced.
        notes: what else is to be known.
        proof: None if none was asked for.
        parameters_before: numbers that were trained, and statistics.
        parameters_after: those of the folded model.
        milliseconds_before: of one call with the first example, the median of three before anything was changed; None
            without a proof.
        milliseconds_after: the same of the folded model, afterwards: no comparison in turn.
    """

    VERSION: ClassVar[int] = 1

    norms: tuple[FoldedNorm, ...]
    loose: tuple[str, ...]
    notes: tuple[str, ...]
    proof: FoldProof | None
    parameters_before: int
    parameters_after: int
    milliseconds_before: float | None = None
    milliseconds_after: float | None = None

    def outcomes(self) -> Iterable[tuple[str, str]]:
        """Return the name of each norm of the model, and what became of it."""
        return ((norm.name, norm.outcome) for norm in self.norms)

    def tables(self) -> dict[str, Table]:
        """Return `"norms"`: what became of each, and into what it went, or why not."""
        return report_tables(self)

    def summary(self) -> str:
        """Return one line: how many norms folded, and how far the outputs are from what they were.

        Example:
            >>> norms = (FoldedNorm("bn1", "BatchNorm2d", "folded", ("conv1",)),)
            >>> proof = FoldProof(3, 1.2e-14, 6e-7, 4e-7, "float32")
            >>> FoldReport(norms, (), (), proof, 100, 96).summary()
            '1 of 1 norm folded; outputs equal to 1e-14 in float64 (6e-7 in float32)'
        """
        return summary(self)
