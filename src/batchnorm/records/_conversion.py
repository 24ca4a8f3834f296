"""What did `convert` or `revert` make of the norms of a model?"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar, Literal

from ..tables import Table
from ._conversion_cells import norms_table, summary
from ._outcomes import Outcomes
from ._shown import Shown


@dataclass(frozen=True, slots=True)
class ConvertedNorm:
    """What became of one norm.

    Attributes:
        name: its path in the model.
        kind: its class before.
        becomes: its class now.
        outcome: `"converted"`; `"reverted"`: it is what it was before it was first converted; `"already"`: it was what
            it was to be; `"left"`: it is as it was, for the reason that is given.
        reason: why it was left.
        detail: what was decided for this norm alone.
    """

    name: str
    kind: str
    becomes: str
    outcome: Literal["converted", "reverted", "already", "left"]
    reason: str | None = None
    detail: str | None = None


@dataclass(frozen=True, slots=True)
class ConvertProof:
    """How far a model is from what it was before it was converted, on the examples and on random inputs like them.

    A difference is in units of the largest number of its tensor.

    Attributes:
        inputs: how many inputs were compared.
        modes: in which modes.
        error: the largest difference of outputs, gradients and buffers in the model's dtype.
        error_float64: the same where everything is computed in float64; None if the model cannot be.
        dtype: the model's.
    """

    inputs: int
    modes: tuple[Literal["evaluation", "training"], ...]
    error: float
    error_float64: float | None
    dtype: str


@dataclass(frozen=True, repr=False)
class ConvertReport(Outcomes, Shown):
    """What `batchnorm.convert` or `batchnorm.revert` has done; printing it begins with one line about all norms.

    Attributes:
        verb: which of the two.
        norms: the norms that were meant, in the order of `named_modules`.
        notes: what else is to be known.
        proof: None if none was asked for.

    Example:
        >>> import torch
        >>> from batchnorm import convert
        >>> report = convert(torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.BatchNorm1d(2)))
        >>> report.outcome_of("1"), report.named("left")
        ('converted', ())
        >>> print(report.table().csv())
        norm,was,is,outcome,why / how
        1,torch.nn.BatchNorm1d,batchnorm.nn.BatchNorm1d,converted,
    """

    VERSION: ClassVar[int] = 1

    verb: Literal["convert", "revert"]
    norms: tuple[ConvertedNorm, ...]
    notes: tuple[str, ...] = ()
    proof: ConvertProof | None = None

    def outcomes(self) -> Iterable[tuple[str, str]]:
        """Return the name of each norm that was meant, and what became of it."""
        return ((norm.name, norm.outcome) for norm in self.norms)

    def tables(self) -> dict[str, Table]:
        """Return `"norms"`: what each was and is, or why it was left."""
        return {"norms": norms_table(self)}

    def summary(self) -> str:
        """Return one line: how many norms were converted, and into what.

        Example:
            >>> norm = ConvertedNorm("bn", "torch.nn.BatchNorm2d", "torch.nn.GroupNorm", "converted")
            >>> ConvertReport("convert", (norm,)).summary()
            '1 of 1 norm converted to torch.nn.GroupNorm'
        """
        return summary(self)
