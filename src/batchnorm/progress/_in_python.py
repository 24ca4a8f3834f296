"""What does `progress=True` show: a bar where there is a terminal or a notebook, nothing elsewhere?"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import TypeVar

from ._watchers import FoldWatcher, RecalibrationWatcher, RunRecalibrationWatcher, Watcher, together

Kind = TypeVar("Kind", bound=RecalibrationWatcher | FoldWatcher)


@contextmanager
def training_shown(watcher: Watcher | None, *, progress: bool) -> Iterator[Watcher]:
    """Give a watcher of a training that draws a bar, if there is to be one, and passes everything on to `watcher`."""
    with _shown(Watcher, watcher, "_training.Bar", progress=progress) as heard:
        yield heard


@contextmanager
def recalibration_shown(watcher: RecalibrationWatcher | None, *, progress: bool) -> Iterator[RecalibrationWatcher]:
    """Do the same for the recalibration of a model."""
    with _shown(RecalibrationWatcher, watcher, "_recalibration.RoundBar", progress=progress) as heard:
        yield heard


@contextmanager
def run_recalibration_shown(
    watcher: RunRecalibrationWatcher | None, *, progress: bool
) -> Iterator[RunRecalibrationWatcher]:
    """Do the same for the recalibration of a run."""
    with _shown(RunRecalibrationWatcher, watcher, "_recalibration.RoundBar", progress=progress) as heard:
        yield heard


@contextmanager
def fold_shown(watcher: FoldWatcher | None, *, progress: bool) -> Iterator[FoldWatcher]:
    """Do the same for folding a run or a checkpoint."""
    with _shown(FoldWatcher, watcher, "_fold.FoldBar", progress=progress) as heard:
        yield heard


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
