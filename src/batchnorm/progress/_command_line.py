"""Which watcher suits a command: a bar on a terminal, lines in a file or a pipe, nothing but notes if it is quiet?"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from ._study_watcher import StudyWatcher
from ._watchers import FoldWatcher, RunRecalibrationWatcher, Watcher, Words


@contextmanager
def watch_training(*, quiet: bool, words: Words = str) -> Iterator[Watcher]:
    """Give the watcher that suits the standard output; notes come even when `quiet`.

    They go to the standard error, or, where there is a bar, above it, as `words` puts them.
    """
    from rich.console import Console

    from ._training import Bar, Lines, Notes

    if quiet:
        yield Notes(words)
    elif sys.stdout.isatty():
        with Bar(Console(), words) as bar:
            yield bar
    else:
        yield Lines(words)


@contextmanager
def watch_rates(*, quiet: bool, words: Words = str) -> Iterator[Watcher]:
    """Give the watcher of a learning-rate range test that suits the standard error; notes always come."""
    from rich.console import Console

    from ._rates import RatesBar
    from ._training import Notes

    if not quiet and sys.stderr.isatty():
        with RatesBar(Console(stderr=True), words) as bar:
            yield bar
    else:
        yield Notes(words)


@contextmanager
def watch_rounds(*, quiet: bool, words: Words = str) -> Iterator[RunRecalibrationWatcher]:
    """Give the watcher of a recalibration that suits the standard error; the standard output is for the result.

    Notes always come, as `words` puts them.
    """
    from rich.console import Console

    from ._recalibration import RoundBar, RoundLines, RoundNotes

    if quiet:
        yield RoundNotes(words)
    elif sys.stderr.isatty():
        with RoundBar(Console(stderr=True), words) as bar:
            yield bar
    else:
        yield RoundLines(words)


@contextmanager
def watch_fold(*, quiet: bool, words: Words = str) -> Iterator[FoldWatcher]:
    """Give the watcher of a fold that suits the standard error; notes always come."""
    from rich.console import Console

    from ._fold import FoldBar, FoldLines, FoldNotes

    if quiet:
        yield FoldNotes(words)
    elif sys.stderr.isatty():
        with FoldBar(Console(stderr=True), words) as bar:
            yield bar
    else:
        yield FoldLines(words)


@contextmanager
def watch_study(*, quiet: bool, words: Words = str) -> Iterator[StudyWatcher]:
    """Give the watcher of a study that suits the standard error; notes always come."""
    from rich.console import Console

    from ._study import StudyBars, StudyLines, StudyNotes

    if quiet:
        yield StudyNotes(words)
    elif sys.stderr.isatty():
        with StudyBars(Console(stderr=True), words) as bars:
            yield bars
    else:
        yield StudyLines(words)
