"""How does folding look while it goes on: a line on a terminal that says what is done, lines elsewhere?"""

from rich.console import Console
from rich.progress import TextColumn, TimeElapsedColumn

from ._drawn import FittingProgress
from ._lines import warn
from ._notes import Drawing, Printing
from ._watchers import FoldWatcher, Words


class FoldNotes(Printing, FoldWatcher):
    """Says only what the user should not miss."""


class FoldLines(FoldNotes):
    """Says what begins, too."""

    def doing(self, what: str) -> None:
        """Print it on a line."""
        warn(f"{what} ...")


class FoldBar(Drawing, FoldWatcher):
    """What is being done, and for how long, in a line that goes when it is done."""

    def __init__(self, console: Console, words: Words = str) -> None:
        what, time = TextColumn("{task.description}"), TimeElapsedColumn()
        super().__init__(console, FittingProgress(what, time, console=console, transient=True), words)
        self.task = self.progress.add_task("fold", total=None)

    def doing(self, what: str) -> None:
        """Show it."""
        self.progress.update(self.task, description=f"{what} ...")
        self.progress.refresh()
