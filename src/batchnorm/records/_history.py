"""How has a training gone, epoch by epoch, so far?"""

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from ..tables import Table
from ._pictures import draw_training
from ._shown import Shown
from ._training import EpochRecord, TrainResult
from ._training_cells import epochs_table


@dataclass(frozen=True, slots=True, repr=False)
class RunHistory(Shown):
    """The epochs of a training, which may still be running, and its result, once there is one.

    `run` is its folder, or another name by which it is told from others; `planned` is how many epochs it is to have
    (`None`: nobody says).

    Example:
        >>> epoch = EpochRecord(1, 79, 0.5, 0.8, 0.4, 0.85, 0.1, 3.0, 1e3)
        >>> RunHistory("runs/first", (epoch,), planned=12).is_finished
        False
    """

    VERSION: ClassVar[int] = 1

    run: str
    epochs: tuple[EpochRecord, ...]
    planned: int | None = None
    result: TrainResult | None = None

    @property
    def is_finished(self) -> bool:
        """Whether all planned epochs are done, and tested."""
        return self.result is not None and self.result.epochs >= (self.planned or 0)

    def tables(self) -> dict[str, Table]:
        """Return `"epochs"`, a row for each."""
        return {"epochs": epochs_table(self.epochs)}

    def plot(self, path: Path | str) -> None:
        """Draw loss, accuracy and learning rate, as `.svg` or `.png`; needs matplotlib."""
        draw_training(self, path)
