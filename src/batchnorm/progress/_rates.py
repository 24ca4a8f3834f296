"""How does a learning-rate range test look while it goes on: a bar on a terminal, nothing elsewhere?"""

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn

from ..records import rate_text
from ._drawn import WHOLE, FittingProgress
from ._notes import Drawing
from ._watchers import Watcher, Words


class RatesBar(Drawing, Watcher):
    """A bar over the steps that may follow, with the present rate and its loss; it goes when all are done."""

    def __init__(self, console: Console, words: Words = str) -> None:
        what, bar, steps = (
            TextColumn("{task.description}"),
            BarColumn(bar_width=None),
            MofNCompleteColumn(table_column=WHOLE),
        )
        progress = FittingProgress(what, bar, steps, dispensable=(steps, bar), console=console, transient=True)
        super().__init__(console, progress, words)
        self.task = self.progress.add_task("learning rates", total=None)

    def rate_tried(self, done: int, total: int, lr: float, loss: float) -> None:
        """Move the bar."""
        self.progress.move(
            self.task, completed=done, total=total, description=f"learning rate {rate_text(lr)}  loss {loss:.3f}"
        )
