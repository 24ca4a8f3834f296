"""What does `progress=True` show: a bar where there is a terminal or a notebook, nothing elsewhere?"""

import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from importlib import import_module
from typing import TypeVar

from ._watchers import FoldWatcher, RecalibrationWatcher, RunRecalibrationWatcher, Watcher, together

Kind = TypeVar("Kind", bound=RecalibrationWatcher | FoldWatcher)


def training_shown(watcher: Watcher | None, *, progress: bool) -> AbstractContextManager[Watcher]:
    """Give a watcher of a training that draws a bar, if there is to be one, and passes everything on to `watcher`."""
    return _shown(Watcher, watcher, "_training.Bar", progress=progress)


def recalibration_shown(
    watcher: RecalibrationWatcher | None, *, progress: bool
) -> AbstractContextManager[RecalibrationWatcher]:
    """Do the same for the recalibration of a model."""
    return _shown(RecalibrationWatcher, watcher, "_recalibration.RoundBar", progress=progress)


def run_recalibration_shown(
    watcher: RunRecalibrationWatcher | None, *, progress: bool
) -> AbstractContextManager[RunRecalibrationWatcher]:
    """Do the same for the recalibration of a run."""
    return _shown(RunRecalibrationWatcher, watcher, "_recalibration.RoundBar", progress=progress)


def fold_shown(watcher: FoldWatcher | None, *, progress: bool) -> AbstractContextManager[FoldWatcher]:
    """Do the same for folding a run or a checkpoint."""
    return _shown(FoldWatcher, watcher, "_fold.FoldBar", progress=progress)


@contextmanager
def _shown(kind: type[Kind], watcher: Kind | None, bar: str, *, progress: bool) -> Iterator[Kind]:
    if progress:
        from rich.console import Console

        console = Console(stderr=True)
        # Not rich's own idea of a terminal: FORCE_COLOR, which many set for logs, would make one of a file.
        if sys.stderr.isatty() or console.is_jupyter:
            file, _, name = bar.partition(".")
            with getattr(import_module(f".{file}", __package__), name)(console) as drawn:
                yield drawn if watcher is None else together(kind, watcher, drawn)
            return
    yield watcher or kind()
