"""How the recalibration of a run looks while it goes on: a bar on a terminal, a line per round elsewhere."""

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn

from ._drawn import WHOLE, FittingProgress
from ._durations import about
from ._lines import warn
from ._notes import Drawing, Printing
from ._plans import RecalibrationPlan
from ._watchers import RunRecalibrationWatcher, Words


class RoundNotes(Printing, RunRecalibrationWatcher):
    """Says only what the user should not miss."""


class RoundLines(RoundNotes):
    """Plain text, a line for each round that begins, for files and pipes."""

    def __init__(self, words: Words = str) -> None:
        super().__init__(words)
        self.rounds = Rounds()

    def started(self, plan: RecalibrationPlan) -> None:
        """Print what lies ahead."""
        warn(describe_recalibration(plan))

    def planned(self, rounds: int, seconds: float) -> None:
        """Print how much is left."""
        self.rounds.plan(rounds)
        warn(describe_rounds(rounds, seconds))

    def batch(self, done: int, total: int | None, number: int) -> None:
        """Print a line when a round begins."""
        if self.rounds.begins(number):
            warn(self.rounds.name())


class RoundBar(Drawing, RunRecalibrationWatcher):
    """A bar over the batches of the running round, and which round of how many it is."""

    def __init__(self, console: Console, words: Words = str) -> None:
        what, bar = TextColumn("{task.description}"), BarColumn(bar_width=None)
        batches, time = MofNCompleteColumn(table_column=WHOLE), TimeElapsedColumn(table_column=WHOLE)
        progress = FittingProgress(
            *(what, bar, batches, time), dispensable=(time, batches, bar), console=console, transient=True
        )
        super().__init__(console, progress, words)
        self.task = self.progress.add_task("recalibrate", total=None)
        self.rounds = Rounds()

    def started(self, plan: RecalibrationPlan) -> None:
        """Print what lies ahead."""
        self.console.print(describe_recalibration(plan), highlight=False, markup=False)

    def planned(self, rounds: int, seconds: float) -> None:
        """Print how much is left."""
        self.rounds.plan(rounds)
        self.console.print(describe_rounds(rounds, seconds), highlight=False, markup=False)

    def batch(self, done: int, total: int | None, number: int) -> None:
        """Move the bar."""
        self.rounds.begins(number)
        self.progress.move(self.task, completed=done, total=total, description=self.rounds.name())


class Rounds:
    """Which round is running, and how many there will be, once that is known."""

    def __init__(self) -> None:
        self.number = 0
        self.last: int | None = None

    def plan(self, rounds: int) -> None:
        """Hear that so many rounds follow the present one."""
        self.last = self.number + rounds

    def begins(self, number: int) -> bool:
        """Hear of a batch; whether it is the first one of its round."""
        new = number != self.number
        self.number = number
        return new

    def name(self) -> str:
        """Return what to call the running round."""
        return f"round {self.number}" + (f" of {self.last}" if self.last else "")


def describe_recalibration(plan: RecalibrationPlan) -> str:
    """Return one line about a recalibration that begins.

    Example:
        >>> describe_recalibration(RecalibrationPlan("MLP", "mine", "train", 9500, 75, True, "exact", "cpu"))
        'MLP, exact, by 9,500 train images of mine, augmented as in training, in 75 batches, cpu'
    """
    varied = "augmented as in training" if plan.augmented else "not augmented"
    return (
        f"{plan.model}, {plan.method}, by {plan.images:,} {plan.split} images of {plan.data}, {varied}, "
        f"in {plan.batches:,} {'batch' if plan.batches == 1 else 'batches'}, {plan.device}"
    )


def describe_rounds(rounds: int, seconds: float) -> str:
    """Return one line about the rounds that follow the first.

    Example:
        >>> describe_rounds(20, 65.2)
        '20 more rounds, about 1 min 5 s'
    """
    return f"{rounds} more {'round' if rounds == 1 else 'rounds'}, {about(seconds)}"
