"""How does folding look while it goes on: a line on a terminal that says what is done, lines elsewhere?"""

from rich.console import Console
from rich.progress import TextColumn, TimeElapsedColumn

from ._drawn import FittingProgress
from ._lines import warn
from ._watchers import FoldWatcher, Words


class FoldNotes(FoldWatcher):
    """Says only what the user should not miss."""

    def __init__(self, words: Words = str) -> None:
        self.words = words

    def note(self, message: str) -> None:
        """Print the note."""
        warn(f"note: {self.words(message)}")


class FoldLines(FoldNotes):
    """Says what begins, too."""

    def doing(self, what: str) -> None:
        """Print it on a line."""
        warn(f"{what} ...")


class FoldBar(FoldWatcher):
    """What is being done, and for how long, in a line that goes when it is done."""

    def __init__(self, console: Console, words: Words = str) -> None:
        self.words = words
        self.console = console
        self.progress = FittingProgress(
            TextColumn("{task.description}"), TimeElapsedColumn(), console=console, transient=True
        )
        self.task = self.progress.add_task("fold", total=None)

    def __enter__(self) -> "FoldBar":
        """Start drawing."""
        self.progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Leave the terminal as it was, whatever was raised."""
        self.progress.stop()

    def doing(self, what: str) -> None:
        """Show it."""
        self.progress.update(self.task, description=f"{what} ...")
        self.progress.refresh()

    def note(self, message: str) -> None:
        """Print the note above the line."""
        self.console.print(f"note: {self.words(message)}", style="yellow", highlight=False, markup=False)
