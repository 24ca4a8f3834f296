"""What did the recalibration of a trained run read, write and change?"""

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Literal

from ..tables import Table
from ._recalibration import Recalibration
from ._recalibration_cells import run_table, summary_line
from ._shown import Shown


@dataclass(frozen=True, slots=True)
class Judgement:
    """Mean cross entropy (`None`: not finite) and part of the images that are right (0…1)."""

    loss: float | None
    accuracy: float


@dataclass(frozen=True, slots=True, repr=False)
class RunRecalibration(Shown):
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

    def tables(self) -> dict[str, Table]:
        """Return `"norms"`, as of a `Recalibration`, and below it how the net does and where it is."""
        return {"norms": run_table(self)}

    def summary(self) -> str:
        """Return one line: how many norms were stale, how the net did before and does now."""
        return summary_line(self)

    def plot(self, path: Path | str) -> None:
        """Draw how far each norm's statistics were off, as `.svg` or `.png`; needs matplotlib."""
        self.recalibration.plot(path)
