"""What is there to see of a trained run: how it went, what it takes for what, and whose statistics normalize?"""

from dataclasses import dataclass
from typing import ClassVar

from ..tables import Table
from ._history import RunHistory
from ._recalibration import Recalibration
from ._shown import Shown
from ._training import Evaluation, Prediction
from ._training_cells import predictions_table


@dataclass(frozen=True, slots=True)
class SampleImage:
    """An image, what the model says of it, and what it is.

    Attributes:
        prediction: its most probable classes, and its label.
        png: the image as the model was shown it, but for its size, as the base64 text of a PNG file.
    """

    prediction: Prediction
    png: str

    @property
    def is_right(self) -> bool:
        """Whether the most probable class is the true one."""
        return self.prediction.classes[:1] == (self.prediction.label,)


@dataclass(frozen=True, slots=True, repr=False)
class RunReport(Shown):
    """All that a page about a training shows.

    Attributes:
        run: its folder or model file.
        history: its epochs and its result; None of a model file alone.
        evaluation: the model on test images, by its running statistics and by each batch's own.
        statistics: its running statistics against exact ones of training images, norm by norm; the model keeps its own.
            None where it has no norm that can be measured, and a note says why.
        samples: test images with what the model says of them: the surest mistakes first, then some that are right.
        notes: what else is to be known.
    """

    VERSION: ClassVar[int] = 1

    run: str
    history: RunHistory | None
    evaluation: Evaluation
    statistics: Recalibration | None
    samples: tuple[SampleImage, ...]
    notes: tuple[str, ...] = ()

    def tables(self) -> dict[str, Table]:
        """Return those of its parts, as far as they are there: `"modes"`, `"classes"`, `"epochs"`, `"norms"`, ..."""
        parts = [self.evaluation, *(one for one in (self.history, self.statistics) if one is not None)]
        tables = {name: table for part in parts for name, table in part.tables().items()}
        return {**tables, "samples": predictions_table([one.prediction for one in self.samples])}
