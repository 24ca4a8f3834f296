"""The training loop: one step, one epoch, the whole; how it starts, goes on and ends."""

import contextlib
import time
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import nn

from ..data import Source
from ..progress import StepReport, Watcher, training_shown
from ..ranks import on, one_per_machine_first
from ..records import EpochRecord, TrainResult
from ..runs import (
    ModelCard,
    RunFolder,
    StopRequest,
    TrainConfig,
    name_of,
    norm_in_file,
    torch_settings,
)
from ._alike import check_alike
from ._average_statistics import measure_average
from ._checkpoint import Checkpoint, Position
from ._data_given import data_of_run, given_data
from ._data_parallel import data_parallel
from ._final_statistics import recalibrate_trained
from ._final_test import final_test
from ._fold_training import fold_trained
from ._for_all import checkpoint_for_all, config_for_all, place_for_all, result_for_all, take_recalibrated
from ._freed_memory import keep_freed_memory
from ._given import check_given, tells_options
from ._going_on import name_in_run, refuse_older
from ._job import Job
from ._judged import judged
from ._left_alone import saved_if_left_alone, says_how_to_go_on
from ._messages import announce, what_differs
from ._population import measure_if_due
from ._preparation import in_hand, prepare
from ._room import check_room, folder_made, planned
from ._saving import save, saved_if_stopped, stop_if_agreed, stop_if_asked
from ._shipped import take_shipped
from ._step import take_step
from ._synchronized import synchronized
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
    `model` is trained in place, and keeps the route asked for; with `ema_decay` the returned net is its average.

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
        with one_per_machine_first(ranks):
            found, called = given_data(given, source)
        # The options that are saved are those that were effective.
        config = replace(given, model=name_of(model) or given.model, data=called)
        folder = planned(out, overwrite=overwrite) if ranks.first else None
        with torch_settings(config) as device, contextlib.ExitStack() as held:
            told = held.enter_context(training_shown(watcher, progress=progress and ranks.first))
            with ranks.telling(), ranks.reaching():
                on(ranks, device)
                job = prepare(config, device, model, found, in_hand(model=model, source=source), ranks)
                if folder:
                    held.enter_context(folder_made(job, folder, told, overwrite=overwrite))
            return _run(job, folder, stop, told)


def resume(
    run: Path | str,
    *,
    model: nn.Module | str | None = None,
    source: Source | str | None = None,
    watcher: Watcher | None = None,
    progress: bool = False,
    tune_allocator: bool | None = None,
) -> Trained:
    """Resume a run that was stopped, as if it had not been: bit for bit on the same machine and thread count.

    Args:
        run: its folder.
        model: the own net that it was started with, or the `package.module:function` that makes it; needed if it is
            not one of this package, for a file must not choose which code runs.
        source: the own data that it was started with, or their `package.module:source`; needed likewise.
        watcher: hears of every step and epoch.
        progress: show a bar on a terminal or in a notebook.
        tune_allocator: instead of the run's own option of that name; it changes no number.

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
        folder = RunFolder.open(run) if ranks.first else None
        norm = config.norm if isinstance(model, nn.Module) else norm_in_file(config.norm)
        config = replace(
            config,
            model=name_in_run(config, model),
            norm=norm if isinstance(norm, str) else norm.name,  # as the caller names it, whatever the file says
            tune_allocator=config.tune_allocator if tune_allocator is None else tune_allocator,
        )
        with one_per_machine_first(ranks):
            found = data_of_run(config, source)
        with (
            torch_settings(config) as device,
            folder.held() if folder else contextlib.nullcontext(),
            training_shown(watcher, progress=progress and ranks.first) as told,
        ):
            with ranks.telling(), ranks.reaching():
                on(ranks, device)
                checkpoint = checkpoint_for_all(ranks, folder)
                job = prepare(config, device, model, found, in_hand(model=model, source=source), ranks)
                if checkpoint:
                    _go_on(job, folder, checkpoint, told)
                if folder and not folder.result.exists():
                    check_room(job, folder)
            return _run(job, folder, stop, told)


def _go_on(job: Job, folder: RunFolder | None, checkpoint: Checkpoint, watcher: Watcher) -> None:
    job.restore(checkpoint)
    if folder:
        refuse_older(folder, checkpoint, job.config)
        folder.complete_metrics(checkpoint.history)
    for difference in what_differs(job, checkpoint):
        watcher.note(difference)


def _run(job: Job, folder: RunFolder | None, stop: StopRequest, watcher: Watcher) -> Trained:
    announce(job, watcher)
    keep_freed_memory(job.config, job.device, watcher)
    job.run = folder
    with says_how_to_go_on(job):
        job.run = place_for_all(job.ranks, folder)
        return _trained(job, folder, stop, watcher)


def _trained(job: Job, folder: RunFolder | None, stop: StopRequest, watcher: Watcher) -> Trained:
    check_alike(job)
    # A run that comes here finished keeps its result: the test images are looked at once, however often it is resumed.
    result = result_for_all(job.ranks, folder)
    if not result:  # nothing is saved over what a finished run has: its model may have been recalibrated since
        stop_if_asked(job, folder, stop)
    with job.frozen.released_at_the_end() if job.frozen else contextlib.nullcontext():
        job.freeze_if_due()
        with synchronized(job.model, job.config), data_parallel(job), saved_if_left_alone(job, folder):
            while job.position.epoch < job.config.epochs:
                _train_epoch(job, folder, stop, watcher)
                _finish_epoch(job, folder, stop, watcher)
                save(job, folder)
                watcher.epoch(job.history[-1])
                stop_if_asked(job, folder, stop)
        take_shipped(job)
        if not result:
            recalibrate_trained(job, folder, stop, watcher)
    if result and result.recalibrated_since:
        take_recalibrated(job, folder)  # not the checkpoint's statistics
    if not result:
        result = final_test(job, folder)
        if folder and job.config.fold:
            folder.write_result(result)  # whatever comes of folding, the run is finished
    result = fold_trained(job, folder, result, watcher)
    if folder:
        folder.write_result(result)
    return Trained(job.best.eval(), job.card, result, tuple(job.history))


def _train_epoch(job: Job, folder: RunFolder | None, stop: StopRequest, watcher: Watcher) -> None:
    """Do the steps of the running epoch that are still to be done."""
    here, before, start = job.position, job.position.epoch_seconds, time.perf_counter()
    job.model.train()
    _measure_if_due(job, folder, stop, watcher)
    job.freeze_if_due()
    for images, labels in job.train.epoch(job.config.seed, here.epoch, start_step=here.step, share=job.share):
        take_step(job, folder, images, labels, stop)
        _measure_if_due(job, folder, stop, watcher)
        job.freeze_if_due()
        here.epoch_seconds = before + time.perf_counter() - start
        speed = here.seen / here.epoch_seconds
        watcher.step(StepReport(here.epoch + 1, here.step, *here.means(), speed, here.mean_plain()))
        stop_if_agreed(job, folder, stop)


def _measure_if_due(job: Job, folder: RunFolder | None, stop: StopRequest, watcher: Watcher) -> None:
    with saved_if_stopped(job, folder):
        measure_if_due(job, folder, stop, watcher)


def _finish_epoch(job: Job, folder: RunFolder | None, stop: StopRequest, watcher: Watcher) -> None:
    """Validate, write down what the epoch came to, and move the position to the next one."""
    here = job.position
    start = time.perf_counter()
    with saved_if_stopped(job, folder):
        measure_average(job, folder, stop, watcher)
    loss, accuracy = here.means()
    val_loss, val_accuracy = judged(job, folder, job.val, "validation") if job.val is not None else (None, None)
    seconds = here.epoch_seconds + time.perf_counter() - start
    times = torch.tensor([seconds, here.epoch_seconds, here.refresh_seconds], dtype=torch.float64)
    seconds, here.epoch_seconds, here.refresh_seconds = job.ranks.gather(times)[0].tolist()  # one clock counts
    job.history.append(
        EpochRecord(
            epoch=here.epoch + 1,
            steps=here.step,
            train_loss=loss,
            train_accuracy=accuracy,
            val_loss=val_loss,
            val_accuracy=val_accuracy,
            lr=float(job.optimizer.param_groups[0]["lr"]),
            seconds=seconds,
            images_per_second=here.seen / here.epoch_seconds,
            train_plain_loss=here.mean_plain(),
        )
    )
    job.position = Position(
        epoch=here.epoch + 1,
        seconds=here.seconds + seconds,
        refreshes=here.refreshes,
        refresh_seconds=here.refresh_seconds,
    )
