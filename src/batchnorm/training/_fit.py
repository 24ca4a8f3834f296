"""How does a training start, or go on, and what does its caller get?"""

import contextlib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from torch import nn

from ..data import Source
from ..progress import Watcher, training_shown
from ..ranks import on, one_per_machine_first
from ..records import EpochRecord, TrainResult
from ..runs import (
    SPLIT,
    ModelCard,
    RunFolder,
    TrainConfig,
    file_for_all,
    norm_in_file,
    torch_settings,
)
from ._beginning import begun
from ._checkpoint import Checkpoint
from ._course import Course
from ._data_given import data_of_run, heard
from ._for_all import checkpoint_for_all, config_for_all, initial_for_all
from ._given import check_given, tells_options
from ._going_on import name_in_run, refuse_older, refuse_without_rate
from ._initialized import write_initialization
from ._job import Job
from ._longer import keep_longer, lengthened
from ._loop import run_course
from ._lr_range_options import LRRangeOptions
from ._messages import what_differs
from ._preparation import in_hand, prepared
from ._range_test import take_found_lr
from ._room import check_room_to_go_on, folder_made, planned
from ._tensorboard import check_log, logged
from ._together import training_together


@dataclass(frozen=True, repr=False)
class Trained:
    """A finished training: the net (in evaluation mode, on its device), its card, its result and its epochs.

    `print` and notebooks show its result.
    """

    model: nn.Module
    card: ModelCard
    result: TrainResult
    history: tuple[EpochRecord, ...]

    def __repr__(self) -> str:
        return f"{type(self).__name__}(model={type(self.model).__name__}, result={self.result!r})"

    def __str__(self) -> str:
        return str(self.result)

    def _repr_html_(self) -> str:
        return self.result._repr_html_()


@tells_options
def fit(
    config: TrainConfig | None = None,
    *,
    out: Path | str | None = None,
    overwrite: bool = False,
    model: nn.Module | str | None = None,
    source: Source | str | None = None,
    watcher: Watcher | None = None,
    progress: bool = False,
) -> Trained:
    """Train an image classifier, test it once at the end, and write a run folder that the other functions take.

    Torch's random state, threads and determinism are put back. The allocator's tuning (`batchnorm.tune_allocator`, on a
    CPU, unless `config.tune_allocator` is False) cannot be: from then on the process keeps its peak of memory. A given
    `model` is trained in place, and keeps the route asked for; with `ema_decay` the returned net is its average, with
    `keep="best"` a copy that has the weights of the best epoch.

    The processes of a group (`torch.distributed`), or those that torchrun has started, train together; each calls this.

    Args:
        config: the options; `TrainConfig()` if left out.
        out: the folder of the run, new or empty; `None` writes nothing.
        overwrite: allow that a run at `out` is replaced; it comes back if this training ends without a checkpoint.
        model: an own net, or its `package.module:function`, instead of `config.model`.
        source: own data, or their `package.module:source`, instead of `config.data`.
        watcher: hears of every step and epoch.
        progress: show a bar on a terminal or in a notebook.

    Raises:
        InputError: something that was given cannot be used; nothing has been written.
        DivergenceError: the loss stopped being finite; the last checkpoint is kept.
        TrainingInterrupted: SIGINT or SIGTERM came; all is saved.
        RefusedError: another process failed, or was lost; what the last whole step came to is saved.

    Example:
        >>> small = TrainConfig(epochs=2, val_fraction=0.97, model_args={"width": 4})  # trains on 300 images
        >>> trained = fit(small)
        >>> trained.result.steps, len(trained.history), trained.model.training
        (10, 2, False)
    """
    check_given(config=config, model=model, watcher=watcher)
    given = config or TrainConfig()
    with training_together() as (ranks, stop):
        folder = planned(out, overwrite=overwrite) if ranks.first else None
        if ranks.first:
            check_log(given, folder)
        beginning = begun(given, ranks, stop, watcher, model=model, source=source, progress=progress)
        with beginning as silent, contextlib.ExitStack() as held:
            job = silent.job
            course = replace(silent, watcher=held.enter_context(logged(job.config, folder, silent.watcher)))
            rates = take_found_lr(course, LRRangeOptions()) if job.config.lr == "auto" else None
            with ranks.telling(), ranks.reaching():
                if folder:
                    held.enter_context(folder_made(job, folder, course.watcher, overwrite=overwrite))
                    write_initialization(folder, job)
                    if rates:
                        folder.write_rates(rates)
            result = run_course(replace(course, folder=folder))
            return Trained(job.best, job.card, result, tuple(job.history))


def resume(
    run: Path | str,
    *,
    model: nn.Module | str | None = None,
    source: Source | str | None = None,
    watcher: Watcher | None = None,
    progress: bool = False,
    tune_allocator: bool | None = None,
    log: str | None = None,
    cache_size: float | None = None,
    workers: int | None = None,
    epochs: int | None = None,
) -> Trained:
    """Resume a run that was stopped, as if it had not been: bit for bit on the same machine and thread count.

    With `epochs` it goes on for longer than it was planned, also if it is finished: from then on the learning rate, and
    all else that follows from the number of epochs, is that of a training of so many. Model and result of a finished
    run stay until the longer training is tested, and are then replaced together.

    Args:
        run: its folder.
        model: the own net that it was started with, or the `package.module:function` that makes it; needed if it is
            not one of this package, for a file must not choose which code runs.
        source: the own data that it was started with, or their `package.module:source`; needed likewise.
        watcher: hears of every step and epoch.
        progress: show a bar on a terminal or in a notebook.
        tune_allocator: instead of the run's own option of that name; it changes no number.
        log: likewise.
        cache_size: likewise.
        workers: likewise.
        epochs: how many it is to have in all, at least as many as were planned.

    Raises:
        InputError: there is nothing to go on with, or it does not fit; further as `fit`.

    Example:
        A finished run gives its result again.

        >>> import tempfile
        >>> folder = tempfile.mkdtemp()
        >>> done = fit(TrainConfig(epochs=1, val_fraction=0.97, model_args={"width": 4}), out=folder)
        >>> resume(folder).result == done.result
        True
    """
    check_given(model=model, watcher=watcher)
    with training_together() as (ranks, stop):
        config = config_for_all(ranks, lambda: RunFolder.open(run).read_config())
        refuse_without_rate(config)
        folder = RunFolder.open(run) if ranks.first else None
        given: dict[str, Any] = {"tune_allocator": tune_allocator, "log": log, "epochs": epochs}
        config = _as_given(config, model, **given, cache_size=cache_size, workers=workers)
        with (
            file_for_all(ranks, lambda: RunFolder.open(run).config, beside=(SPLIT,)) as beside,
            one_per_machine_first(ranks),
        ):
            split = RunFolder(beside.parent).split
            found = data_of_run(config, source, split if split.is_file() else None)
        with (
            torch_settings(config) as device,
            folder.held() if folder else contextlib.nullcontext(),
            training_shown(watcher, progress=progress and ranks.first) as shown,
            logged(config, folder, shown) as told,
            contextlib.ExitStack() as held,
        ):
            with ranks.telling(), ranks.reaching():
                if ranks.first:
                    check_log(config, folder)
                on(ranks, device)
                checkpoint = checkpoint_for_all(ranks, folder)
                objects = in_hand(model=model, source=source)
                initial = None if checkpoint else initial_for_all(ranks, config.init)
                with stop.nothing_to_save():
                    job = held.enter_context(
                        prepared(
                            config, device, model, heard(found, told, stop), ranks, objects=objects, initial=initial
                        )
                    )
                longer = checkpoint if epochs is None else lengthened(job, checkpoint)
                if checkpoint and longer:
                    _go_on(job, folder, longer, checkpoint, told)
                elif folder:
                    write_initialization(folder, job)
                if folder:
                    check_room_to_go_on(job, folder)
                    if epochs is not None:
                        keep_longer(folder, epochs, None if longer is checkpoint else longer)
            result = run_course(Course(job, folder, stop, told))
            return Trained(job.best, job.card, result, tuple(job.history))


def _as_given(config: TrainConfig, model: nn.Module | str | None, **given: Any) -> TrainConfig:
    """Return the config of a run with what its caller gives today: names of own code, and options but for `None`."""
    norm = config.norm if isinstance(model, nn.Module) else norm_in_file(config.norm)
    return replace(
        config,
        model=name_in_run(config, model),
        norm=norm if isinstance(norm, str) else norm.name,  # as the caller names it, whatever the file says
        **{name: value for name, value in given.items() if value is not None},
    )


def _go_on(job: Job, folder: RunFolder | None, checkpoint: Checkpoint, begun: Checkpoint, watcher: Watcher) -> None:
    """Take up where the run stands, and tell in what it may differ from the one that was begun."""
    job.restore(checkpoint)
    if folder:
        refuse_older(folder, checkpoint, job.config)
        folder.complete_metrics(checkpoint.history)
    for difference in what_differs(job, begun):
        watcher.note(difference)
