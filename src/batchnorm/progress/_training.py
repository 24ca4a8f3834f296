"""How a training looks on a terminal (a live bar), in a file (one line per epoch), or not at all."""

from collections.abc import Iterator

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TaskID, TextColumn, TimeRemainingColumn

from ..records import EpochRecord, LRRangeTest, RunFold, RunRecalibration, TrainResult, rate_text
from ._drawn import NO_NUMBER, WHOLE, FittingProgress
from ._lines import tell
from ._notes import Drawing, Printing
from ._plans import FreezingPlan, PartsPlan, Plan, PopulationPlan, StepReport
from ._recalibration import Rounds, describe_rounds
from ._watchers import Watcher, Words


class Notes(Printing, Watcher):
    """Says only what the user should not miss."""


class Lines(Notes):
    """Plain text, one line per epoch, for files and pipes; a reader who leaves does not end the training."""

    def started(self, plan: Plan) -> None:
        """Print what lies ahead."""
        self.epochs = plan.epochs
        for line in lines_of(plan):
            tell(line)

    def rates_tried(self, record: LRRangeTest) -> None:
        """Print in one line what came of the range test."""
        tell(record.summary())

    def epoch(self, record: EpochRecord) -> None:
        """Print the epoch in one line."""
        tell(describe_epoch(record, self.epochs))

    def planned(self, rounds: int, seconds: float) -> None:
        """Print how long the recalibration will take."""
        tell(f"recalibration: {describe_rounds(rounds, seconds)}")

    def recalibrated(self, record: RunRecalibration) -> None:
        """Print in one line what came of the recalibration."""
        tell(record.summary())

    def folded(self, record: RunFold) -> None:
        """Print in one line what came of folding."""
        tell(record.summary())


class Bar(Drawing, Watcher):
    """A bar over all steps that are still ahead, with the running epoch's numbers; finished epochs stay above it."""

    def __init__(self, console: Console, words: Words = str) -> None:
        bar, steps = BarColumn(bar_width=None), MofNCompleteColumn(table_column=WHOLE)
        speed, left = TextColumn("{task.fields[speed]}"), TimeRemainingColumn(compact=True, table_column=WHOLE)
        what, numbers = TextColumn("{task.description}"), TextColumn("{task.fields[numbers]}")
        progress = FittingProgress(
            *(what, bar, steps, numbers, speed, left), dispensable=(speed, left, steps, bar), console=console
        )
        super().__init__(console, progress, words)
        self.task: TaskID | None = None
        self.files: TaskID | None = None
        self.recalibration: TaskID | None = None
        self.rates: TaskID | None = None
        self.rounds = Rounds()

    def reading(self, what: str, done: int, total: int) -> None:
        """Move a bar of its own, which is gone when all files are through."""
        if self.files is None:
            self.files = self.progress.add_task(what, total=total, numbers="", speed="")
        self.progress.move(self.files, completed=done, total=total, description=what)
        if done >= total:
            self.progress.remove_task(self.files)
            self.files = None

    def started(self, plan: Plan) -> None:
        """Print what lies ahead and draw the bar."""
        self.epochs, self.steps = plan.epochs, plan.steps_per_epoch
        for line in lines_of(plan):
            self.console.print(line, highlight=False, markup=False)
        self.task = self.progress.add_task(
            f"epoch {min(plan.first_epoch + 1, plan.epochs)}/{plan.epochs}",
            total=plan.epochs * plan.steps_per_epoch,
            completed=plan.first_epoch * plan.steps_per_epoch + plan.first_step,
            numbers=f"loss {NO_NUMBER}  acc {NO_NUMBER}",
            speed=f"{NO_NUMBER} img/s",
        )

    def step(self, report: StepReport) -> None:
        """Move the bar."""
        if self.task is not None:
            self.progress.move(
                self.task,
                completed=(report.epoch - 1) * self.steps + report.step,
                description=f"epoch {report.epoch}/{self.epochs}",
                numbers=f"loss {report.loss:.3f}{plain(report.loss, report.plain_loss, 3)}  acc {report.accuracy:.3f}",
                speed=f"{report.images_per_second:,.0f} img/s",
            )

    def rate_tried(self, done: int, total: int, lr: float, loss: float) -> None:
        """Move the bar of the range test."""
        if self.rates is None:
            self.rates = self.progress.add_task("learning rates", total=total, numbers="", speed="")
        self.progress.move(self.rates, completed=done, numbers=f"lr {rate_text(lr)}  loss {loss:.3f}")

    def rates_tried(self, record: LRRangeTest) -> None:
        """Take the bar of the range test away, and print what came of it."""
        if self.rates is not None:
            self.progress.remove_task(self.rates)
            self.rates = None
        self.console.print(record.summary(), highlight=False, markup=False)

    def measuring(self, done: int, total: int | None) -> None:
        """Say in the place of the epoch and its numbers what goes on, until the next step."""
        if self.task is not None:
            self.progress.move(self.task, description="measuring population statistics", numbers="")

    def epoch(self, record: EpochRecord) -> None:
        """Print the finished epoch above the bar."""
        self.console.print(describe_epoch(record, self.epochs), highlight=False)

    def planned(self, rounds: int, seconds: float) -> None:
        """Print how long the recalibration will take."""
        self.rounds.plan(rounds)
        self.console.print(f"recalibration: {describe_rounds(rounds, seconds)}", highlight=False)

    def batch(self, done: int, total: int | None, number: int) -> None:
        """Move the bar of the recalibration, which stands below that of the training."""
        self.rounds.begins(number)
        if self.recalibration is None:
            self.recalibration = self.progress.add_task("recalibration", total=total, numbers="", speed="")
        self.progress.move(self.recalibration, completed=done, total=total, description=self.rounds.name())

    def tested(self, result: TrainResult) -> None:
        """Say in the place of the last epoch's numbers what the test images said."""
        if self.task is not None:
            numbers = f"loss {result.test_loss:.3f}  acc {result.test_accuracy:.3f}"
            self.progress.move(self.task, description="test images", numbers=numbers)

    def recalibrated(self, record: RunRecalibration) -> None:
        """Print what came of it above the bar."""
        self.console.print(record.summary(), highlight=False, markup=False)

    def folded(self, record: RunFold) -> None:
        """Print what came of folding above the bar."""
        self.console.print(record.summary(), highlight=False, markup=False)


def lines_of(plan: Plan) -> Iterator[str]:
    """Give the lines about a training that begins, or goes on."""
    yield describe(plan)
    if plan.population is not None and plan.population.left:
        yield describe_population(plan.population)
    if plan.freezing is not None:
        yield describe_freezing(plan.freezing)
    if plan.initialization is not None:
        yield from str(plan.initialization).splitlines()
    if plan.parts is not None:
        yield describe_parts(plan.parts, plan.parameters)


def describe(plan: Plan) -> str:
    """Return the first of them."""
    batches = "" if plan.batches_per_step == 1 else f" of {plan.batches_per_step:,} batches"
    line = (
        f"{plan.model}, {plan.parameters:,} parameters, on {plan.data}: {plan.images:,} images, "
        f"{_counted(plan.epochs, 'epoch')} of {_counted(plan.steps_per_epoch, 'step')}{batches}, {plan.device}"
    )
    if plan.first_epoch == plan.epochs:
        line += "; all epochs are done, only the test is left"
    elif plan.first_epoch or plan.first_step:
        line += f"; going on in epoch {plan.first_epoch + 1} after step {plan.first_step}"
    return line


def describe_population(plan: PopulationPlan) -> str:
    """Return one line about what a training measures, and what that costs beside its steps.

    Example:
        >>> print(describe_population(PopulationPlan(2_000, True, 469, 0, 13, 684_000)))
        population statistics: measured on 2,000 images, augmented as in training, before step 1 and every 469 steps: \
13 forward passes over 26,000 images in all, 3.8% of the 684,000 that the steps read
    """
    total = plan.left * plan.images
    line = (
        f"population statistics: measured on {plan.images:,} images, "
        f"{'augmented as in training' if plan.augmented else 'not augmented'}, "
        f"{'' if plan.done else 'before step 1 and '}{_every(plan.every)}: {plan.left:,} {'more ' if plan.done else ''}"
        f"forward {'pass' if plan.left == 1 else 'passes'} over {total:,} images in all"
    )
    if not plan.step_images:
        return line
    return f"{line}, {total / plan.step_images:.1%} of the {plan.step_images:,} that the steps read"


def describe_freezing(plan: FreezingPlan) -> str:
    """Return one line about the norms whose statistics are to stand still.

    Example:
        >>> describe_freezing(FreezingPlan(("bn1", "bn2"), 8, 10))
        'running statistics of 2 norms: frozen after step 8 of 10 (bn1, bn2)'
        >>> describe_freezing(FreezingPlan(tuple("abcdef"), 0, 10))
        'running statistics of 6 norms: frozen from the start (a, b, c, d ...)'
    """
    when = f"after step {plan.since:,} of {plan.steps:,}" if plan.since else "from the start"
    few = ", ".join(plan.norms[:FEW]) + (" ..." if len(plan.norms) > FEW else "")
    return f"running statistics of {_counted(len(plan.norms), 'norm')}: frozen {when} ({few})"


def describe_parts(plan: PartsPlan, parameters: int) -> str:
    """Return one line about what is not trained, of so many parameters, and what becomes of the norms in it.

    Example:
        >>> describe_parts(PartsPlan("conv1,bn1", 120, ("bn1",), "affine-only"), 500)
        "not trained: 'conv1,bn1' (120 of 500 parameters); the norm in it (bn1): weight and bias are trained, \
statistics stand still"
        >>> describe_parts(PartsPlan("conv1", 108, (), "frozen"), 500)
        "not trained: 'conv1' (108 of 500 parameters)"
    """
    line = f"not trained: {plan.names!r} ({plan.untrained:,} of {parameters:,} parameters)"
    if not plan.norms:
        return line
    few = ", ".join(plan.norms[:FEW]) + (" ..." if len(plan.norms) > FEW else "")
    which = "the norm in it" if len(plan.norms) == 1 else f"the {len(plan.norms):,} norms in it"
    first = f"statistics are measured on {plan.images:,} training images, then " if plan.images else ""
    return f"{line}; {which} ({few}): {first}{NORM_MODES[plan.mode]}"


NORM_MODES = {
    "train": "weight and bias are trained, statistics move",
    "frozen": "nothing moves",
    "affine-only": "weight and bias are trained, statistics stand still",
    "recalibrate": "nothing moves",
}
FEW = 4


def _every(steps: int) -> str:
    return "after every step" if steps == 1 else f"every {steps:,} steps"


def _counted(count: int, what: str) -> str:
    return f"{count:,} {what}" if count == 1 else f"{count:,} {what}s"


def describe_epoch(record: EpochRecord, epochs: int) -> str:
    """Return one line about an epoch that is done."""
    loss = f"{record.train_loss:.4f}{plain(record.train_loss, record.train_plain_loss, 4)}"
    line = f"epoch {record.epoch}/{epochs}  train loss {loss} accuracy {record.train_accuracy:.4f}"
    if record.val_loss is not None:
        line += f"  val loss {record.val_loss:.4f} accuracy {record.val_accuracy:.4f}"
    return line + f"  {record.images_per_second:,.0f} img/s  {record.seconds:.1f} s"


def plain(loss: float, without_smoothing: float | None, digits: int) -> str:
    """Return the loss that can be compared with a validation loss, to be read behind the one that is minimized.

    Example:
        >>> plain(0.9, 0.7, 2), plain(0.9, 0.9, 2)
        (' (plain 0.70)', '')
    """
    if without_smoothing is None or without_smoothing == loss:
        return ""
    return f" (plain {without_smoothing:.{digits}f})"
