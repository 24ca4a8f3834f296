"""The training loop: one epoch, the whole, and how it ends."""

import contextlib
import time

import torch

from ..progress import StepReport
from ..records import EpochRecord, TrainResult
from ._alike import check_alike
from ._average_statistics import measure_average
from ._checkpoint import Position
from ._course import Course
from ._data_parallel import data_parallel
from ._final_statistics import recalibrate_trained
from ._final_test import final_test
from ._fold_training import fold_trained
from ._for_all import place_for_all, result_for_all, take_recalibrated
from ._freed_memory import keep_freed_memory
from ._judged import judged
from ._kept import keep_if_best, take_kept
from ._left_alone import saved_if_left_alone, says_how_to_go_on
from ._messages import announce
from ._parts_measured import measure_parts
from ._population import measure_if_due
from ._saving import save, saved_if_stopped, stop_if_agreed, stop_if_asked
from ._shipped import take_shipped
from ._standing import take_its_place
from ._step import take_step
from ._synchronized import synchronized


def run_course(course: Course) -> TrainResult:
    """Train from where the job stands to its end, or until it is to stop, and return what it came to.

    Raises:
        InputError, DivergenceError, TrainingInterrupted, RefusedError: as `fit`.
    """
    job = course.job
    announce(course)
    keep_freed_memory(job.config, job.device, course.watcher)
    job.run = course.folder
    with says_how_to_go_on(job):
        job.run = place_for_all(job.ranks, course.folder)
        return _trained(course)


def _trained(course: Course) -> TrainResult:
    job, folder = course.job, course.folder
    check_alike(job)
    # A run that comes here finished keeps its result: the test images are looked at once, however often it is resumed.
    result, job.standing = result_for_all(course)
    if not result:  # nothing is saved over what a finished run has: its model may have been recalibrated since
        stop_if_asked(course)
    with job.released_at_the_end():
        with saved_if_stopped(course):
            measure_parts(course)
        job.freeze_if_due()
        with synchronized(job.model, job.config), data_parallel(job), saved_if_left_alone(course):
            while job.position.epoch < job.config.epochs:
                _train_epoch(course)
                _finish_epoch(course)
                keep_if_best(job)
                save(course)
                course.watcher.epoch(job.history[-1])
                stop_if_asked(course)
        take_shipped(job)
        take_kept(course)
        recalibrated = None if result else recalibrate_trained(course)
    if result and result.recalibrated_since:
        take_recalibrated(course)  # not the checkpoint's statistics
    if not result:
        result = final_test(course)
        if job.standing:
            take_its_place(course, result, recalibrated)
        elif folder and job.config.fold:
            folder.write_result(result)  # whatever comes of folding, the run is finished
        course.watcher.tested(result)
    result = fold_trained(course, result)
    if folder:
        folder.write_result(result)
    job.best.eval()
    return result


def _train_epoch(course: Course) -> None:
    """Do the steps of the running epoch that are still to be done."""
    job, here, start = course.job, course.job.position, time.perf_counter()
    before = here.epoch_seconds
    job.model.train()
    _measure_if_due(course)
    job.freeze_if_due()
    batches = job.train.epoch(job.config.seed, here.epoch, start_step=here.step, share=job.share)
    with contextlib.closing(batches):  # what reads ahead ends with the epoch, whatever ends it
        for images, labels in batches:
            take_step(course, images, labels)
            _measure_if_due(course)
            job.freeze_if_due()
            here.epoch_seconds = before + time.perf_counter() - start
            speed = here.seen / here.epoch_seconds
            course.watcher.step(StepReport(here.epoch + 1, here.step, *here.means(), speed, here.mean_plain()))
            stop_if_agreed(course)


def _measure_if_due(course: Course) -> None:
    with saved_if_stopped(course):
        measure_if_due(course)


def _finish_epoch(course: Course) -> None:
    """Validate, write down what the epoch came to, and move the position to the next one."""
    job, here, start = course.job, course.job.position, time.perf_counter()
    with saved_if_stopped(course):
        measure_average(course)
    loss, accuracy = here.means()
    val_loss, val_accuracy = judged(course, job.val, "validation") if job.val is not None else (None, None)
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
        measured=here.measured,
    )
