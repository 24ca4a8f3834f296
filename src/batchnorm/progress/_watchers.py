"""What does long work tell while it goes on? It calls; a bar, a log or a notebook listens."""

from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar

from ..records import EpochRecord, LRRangeTest, RunFold, RunRecalibration, TrainResult
from ._plans import Plan, RecalibrationPlan, StepReport


class RecalibrationWatcher:
    """Hears of every event of a recalibration; each method may be overridden, none needs to be.

    Example:
        >>> class Printer(RecalibrationWatcher):
        ...     def planned(self, rounds, seconds):
        ...         print(f"{rounds} more rounds, about {seconds:.0f} s")
    """

    def planned(self, rounds: int, seconds: float) -> None:
        """Hear how many rounds follow the first one and how long they may take, before the second begins.

        Heard once in `method="exact"`, and again if more rounds turn out to be needed.
        """

    def batch(self, done: int, total: int | None, number: int) -> None:
        """Hear that `done` batches of `total` (`None`: not yet known) are through in round `number`, counted from 1."""

    def note(self, message: str) -> None:
        """Hear something that the user should know, in one sentence."""


class RunRecalibrationWatcher(RecalibrationWatcher):
    """Hears of every event of a run's recalibration; each method may be overridden, none needs to be."""

    def started(self, plan: RecalibrationPlan) -> None:
        """Hear what lies ahead, once, before the first round."""


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

    def reading(self, what: str, done: int, total: int) -> None:
        """Hear that `done` of `total` image files are through, before the first step, and what is done with them."""

    def step(self, report: StepReport) -> None:
        """Hear of one step."""

    def rate_tried(self, done: int, total: int, lr: float, loss: float) -> None:
        """Hear of step `done` of at most `total` of a learning-rate range test, ahead of a training."""

    def rates_tried(self, record: LRRangeTest) -> None:
        """Hear what came of the range test."""

    def measuring(self, done: int, total: int | None) -> None:
        """Hear that `done` batches of `total` are through in a measurement of the population, between two steps."""

    def epoch(self, record: EpochRecord) -> None:
        """Hear of one whole epoch."""

    def tested(self, result: TrainResult) -> None:
        """Hear what the training came to, once its net is tested; a net that is to be folded is, after this."""

    def recalibrated(self, record: RunRecalibration) -> None:
        """Hear that the statistics were computed anew, and what came of it."""

    def folded(self, record: RunFold) -> None:
        """Hear that the net was folded, and what came of it."""


class FoldWatcher:
    """Hears of what goes on while a net is folded; each method may be overridden, none needs to be."""

    def doing(self, what: str) -> None:
        """Hear what begins."""

    def note(self, message: str) -> None:
        """Hear something that the user should know, in one sentence."""


Words = Callable[[str], str]
"""How a note is put for its reader, to whom an argument may be an option."""

Kind = TypeVar("Kind", bound=RecalibrationWatcher | FoldWatcher)


def together(kind: type[Kind], *watchers: Kind) -> Kind:
    """Return a watcher that passes on what it hears to each of these.

    Example:
        >>> class Printer(FoldWatcher):
        ...     def doing(self, what):
        ...         print(what)
        >>> together(FoldWatcher, Printer(), Printer()).doing("folding")
        folding
        folding
    """
    both = kind()
    for name in dir(kind):
        if not name.startswith("_"):
            setattr(both, name, partial(_tell, [getattr(watcher, name) for watcher in watchers]))
    return both


def _tell(heard: list[Any], *what: Any) -> None:
    for each in heard:
        each(*what)
