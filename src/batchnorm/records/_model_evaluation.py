"""How good is a model by its running statistics, by each batch's own, and by recalibrated ones?"""

from dataclasses import dataclass, field
from typing import ClassVar, Literal

from ..tables import Table
from ._model_evaluation_cells import table_of
from ._numbers import Signed
from ._shown import Shown

Numbers = dict[str, Signed | None]
"""By the name of each number what it came to; None: not finite."""


@dataclass(frozen=True, slots=True, repr=False)
class ModelEvaluation(Shown):
    """The same samples judged by one, two or three kinds of statistics; what `batchnorm.evaluate(model, loader)` gives.

    Attributes:
        model: its class.
        samples: how many judged it.
        batches: how many they came in.
        batch_size: samples of the largest one.
        norms: how many batch norms the model has; 0: `running` is the only row, and no statistics are in it.
        tracked: how many of them keep running statistics; where none does, `running` is by each batch, too.
        running: what a user of the model gets.
        batch: every batch normalized by itself, as in training; None where that cannot be, and a note says why.
        recalibrated: by statistics that were computed anew for this; None if nobody asked.
        method: how they were.
        folded: whether the norms are in the weights.
        notes: what else is to be known, sentences for the user.
    """

    VERSION: ClassVar[int] = 1

    model: str
    samples: int
    batches: int
    batch_size: int
    norms: int
    tracked: int
    running: Numbers
    batch: Numbers | None = None
    recalibrated: Numbers | None = None
    method: Literal["average", "exact"] | None = None
    folded: bool = False
    notes: tuple[str, ...] = field(default=())

    @property
    def gap(self) -> Numbers | None:
        """What the batches' own statistics give, less what the running ones do: batch norm's first symptom.

        Example:
            >>> said = ModelEvaluation("Net", 64, 2, 32, 3, 3, running={"loss": 2.5}, batch={"loss": 0.5})
            >>> said.gap
            {'loss': -2.0}
        """
        if self.batch is None:
            return None
        return {name: _difference(value, self.running.get(name)) for name, value in self.batch.items()}

    @property
    def normalized_by(self) -> str:
        """What stands in the first row, in words: whose statistics normalize when somebody uses the model."""
        if self.folded:
            return "nothing: the norms are folded"
        if not self.norms:
            return "nothing: there is no batch norm"
        return "running statistics" if self.tracked else f"each batch's own ({self.batch_size})"

    def tables(self) -> dict[str, Table]:
        """Return `"statistics"`: a row for each kind of statistics, and the gap."""
        return {"statistics": table_of(self)}


def _difference(one: float | None, other: float | None) -> float | None:
    return None if one is None or other is None else one - other
