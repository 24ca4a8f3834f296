"""How a training looks on a terminal (a live bar), in a file (one line per epoch), or not at all."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)

from ..records import EpochRecord
from ..training import Plan, StepReport, Watcher


@contextmanager
def watch(*, quiet: bool) -> Iterator[Watcher]:
    """Give the watcher that suits the standard output; notes go to the standard error even when `quiet`."""
    if quiet:
        yield Notes()
    elif sys.stdout.isatty():
        with Bar() as bar:
            yield bar
    else:
        yield Lines()


class Notes(Watcher):
    """Says only what the user should not miss."""

    def note(self, message: str) -> None:
        """Print the note on the standard error."""
        print(f"note: {message}", file=sys.stderr)


class Lines(Notes):
    """Plain text, one line per epoch, for files and pipes."""

    def started(self, plan: Plan) -> None:
        """Print what lies ahead."""
        self.epochs = plan.epochs
        print(describe(plan), flush=True)

    def epoch(self, record: EpochRecord) -> None:
        """Print the epoch in one line."""
        print(describe_epoch(record, self.epochs), flush=True)


class Bar(Watcher):
    """A bar over all steps that are still ahead, with the running epoch's numbers; finished epochs stay above it."""

    def __init__(self) -> None:
        self.console = Console()
        self.progress = Progress(
            TextColumn("epoch {task.fields[epoch]}"),
            BarColumn(bar_width=None),
            MofNCompleteColumn(),
            TextColumn("loss {task.fields[loss]:.3f}  acc {task.fields[accuracy]:.3f}"),
            TextColumn("{task.fields[speed]:,.0f} img/s"),
            TimeRemainingColumn(compact=True),
            console=self.console,
        )
        self.task: TaskID | None = None

    def __enter__(self) -> "Bar":
        """Start drawing."""
        self.progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Leave the terminal as it was, whatever was raised."""
        self.progress.stop()

    def started(self, plan: Plan) -> None:
        """Print what lies ahead and draw the bar."""
        self.epochs, self.steps = plan.epochs, plan.steps_per_epoch
        self.console.print(describe(plan), highlight=False, markup=False)
        self.task = self.progress.add_task(
            "train",
            total=plan.epochs * plan.steps_per_epoch,
            completed=plan.first_epoch * plan.steps_per_epoch + plan.first_step,
            epoch=f"{min(plan.first_epoch + 1, plan.epochs)}/{plan.epochs}",
            loss=float("nan"),
            accuracy=float("nan"),
            speed=0.0,
        )

    def step(self, report: StepReport) -> None:
        """Move the bar."""
        if self.task is not None:
            self.progress.update(
                self.task,
                completed=(report.epoch - 1) * self.steps + report.step,
                epoch=f"{report.epoch}/{self.epochs}",
                loss=report.loss,
                accuracy=report.accuracy,
                speed=report.images_per_second,
            )

    def epoch(self, record: EpochRecord) -> None:
        """Print the finished epoch above the bar."""
        self.console.print(describe_epoch(record, self.epochs), highlight=False)

    def note(self, message: str) -> None:
        """Print the note above the bar."""
        self.console.print(f"note: {message}", style="yellow", highlight=False, markup=False)


def describe(plan: Plan) -> str:
    """Return one line about a training that begins, or goes on."""
    line = (
        f"{plan.model}, {plan.parameters:,} parameters, on {plan.data}: {plan.images:,} images, "
        f"{plan.epochs} epochs of {plan.steps_per_epoch} steps, {plan.device}"
    )
    if plan.first_epoch == plan.epochs:
        line += "; all epochs are done, only the test is left"
    elif plan.first_epoch or plan.first_step:
        line += f"; going on in epoch {plan.first_epoch + 1} after step {plan.first_step}"
    return line


def describe_epoch(record: EpochRecord, epochs: int) -> str:
    """Return one line about an epoch that is done."""
    line = f"epoch {record.epoch}/{epochs}  train loss {record.train_loss:.4f} accuracy {record.train_accuracy:.4f}"
    if record.val_loss is not None:
        line += f"  val loss {record.val_loss:.4f} accuracy {record.val_accuracy:.4f}"
    return line + f"  {record.images_per_second:,.0f} img/s  {record.seconds:.1f} s"
