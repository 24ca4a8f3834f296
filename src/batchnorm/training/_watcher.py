"""What a training tells while it runs: the loop calls, a bar, a log or a notebook listens."""

from dataclasses import dataclass

from ..records import EpochRecord, RunFold, RunRecalibration
from ..statistics import RecalibrationWatcher


@dataclass(frozen=True, slots=True)
class Plan:
    """What lies ahead when a training starts or goes on.

    `images` are those of one epoch; `first_epoch` epochs and `first_step` steps of the next one are done already.
    """

    model: str
    data: str
    device: str
    parameters: int
    images: int
    epochs: int
    steps_per_epoch: int
    first_epoch: int
    first_step: int


@dataclass(frozen=True, slots=True)
class StepReport:
    """The running epoch (counted from 1) after `step` steps; losses and accuracy (0…1): means over its images so far.

    `loss` is what is minimized, with label smoothing; `plain_loss` the same without (`None` where it is not known).
    """

    epoch: int
    step: int
    loss: float
    accuracy: float
    images_per_second: float
    plain_loss: float | None = None


class Watcher(RecalibrationWatcher):
    """Hears of every event of a training; each method may be overridden, none needs to be.

    Those that it inherits, `planned` and `batch`, tell of the recalibration that may follow the last epoch.

    Example:
        >>> class Printer(Watcher):
        ...     def epoch(self, record):
        ...         print(record.epoch, record.val_accuracy)
    """

    def started(self, plan: Plan) -> None:
        """Hear what lies ahead, once, before the first step."""

    def step(self, report: StepReport) -> None:
        """Hear of one step."""

    def epoch(self, record: EpochRecord) -> None:
        """Hear of one whole epoch."""

    def recalibrated(self, record: RunRecalibration) -> None:
        """Hear that the statistics were computed anew, and what came of it."""

    def folded(self, record: RunFold) -> None:
        """Hear that the net was folded, and what came of it."""

    def note(self, message: str) -> None:
        """Hear something that the user should know, in one sentence."""
