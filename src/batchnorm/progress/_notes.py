"""Where does a note go: to the standard error, or above what is drawn?"""

from typing import Self

from rich.console import Console

from ._drawn import FittingProgress
from ._lines import warn
from ._watchers import Words


class Printing:
    """Prints notes on the standard error, as `words` puts them."""

    def __init__(self, words: Words = str) -> None:
        self.words = words

    def note(self, message: str) -> None:
        """Print the note."""
        warn(f"note: {self.words(message)}")


class Drawing:
    """Draws inside a `with` block, and prints notes above what it draws."""

    def __init__(self, console: Console, progress: FittingProgress, words: Words) -> None:
        self.console, self.progress, self.words = console, progress, words

    def __enter__(self) -> Self:
        """Start drawing."""
        self.progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Leave the terminal as it was, whatever was raised."""
        self.progress.stop()

    def note(self, message: str) -> None:
        """Print the note above what is drawn."""
        self.console.print(f"note: {self.words(message)}", style="yellow", highlight=False, markup=False)
