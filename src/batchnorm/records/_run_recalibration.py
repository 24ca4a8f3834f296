"""What did the recalibration of a trained run read, write and change?"""

from dataclasses import dataclass
from typing import ClassVar, Literal

from ._recalibration import Recalibration
from ._summaries import recalibration_line


@dataclass(frozen=True, slots=True)
class Judgement:
    """Mean cross entropy (`None`: not finite) and part of the images that are right (0…1)."""

    loss: float | None
    accuracy: float


@dataclass(frozen=True, slots=True)
class RunRecalibration:
    """`recalibration.json` in a run's folder; `batchnorm recalibrate --json` prints it.

    The statistics are those of images of `data` and `split`, `augmented` as in training or not, in batches of
    `batch_size`. `before` and `after` judge the same `judged` images of `judged_on`: `"test"`, or in a training
    `"validation"` (`None` where no images were held out). `written` is the model's file, whose bytes have the digest
    `sha256`; `kept` the file with the statistics that it had before (`None`: it is still where it was); `replaced` the
    digest of the model in whose place it came, if that one had been recalibrated, too.
    """

    VERSION: ClassVar[int] = 1

    run: str
    data: str
    split: str
    augmented: bool
    batch_size: int
    judged_on: Literal["test", "validation"] | None
    judged: int
    before: Judgement | None
    after: Judgement | None
    written: str | None
    sha256: str | None
    kept: str | None
    recalibration: Recalibration
    replaced: str | None = None

    def summary(self) -> str:
        """Return one line: how many norms were stale, how the net did before and does now."""
        return recalibration_line(self)
