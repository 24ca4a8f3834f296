"""How are the population's statistics measured while a net trains by them, and what if they cannot be?"""

import time
from dataclasses import replace

from ..errors import InputError
from ..progress import RecalibrationWatcher
from ..runs import TrainingInterrupted
from ..statistics import recalibrate
from ._course import Course
from ._messages import how_to_go_on, what_to_try
from ._step import DivergenceError, refuse_nonfinite


def measure_if_due(course: Course) -> None:
    """Measure the population's statistics where the training stands at a step behind which they are to be measured.

    Raises:
        TrainingInterrupted: SIGINT or SIGTERM came; the statistics are as before, and still due.
        DivergenceError: the net does not give finite numbers any more.
        InputError: they cannot be measured at all.
    """
    job, here = course.job, course.job.position
    if job.refreshes is None or here.refreshes == (due := job.refreshes.by(job.steps_done)):
        return
    start = time.perf_counter()
    try:
        with job.precision():
            told = Stoppable(course, notes=not here.refreshes)
            recalibrate(job.model, job.refreshes.images, watcher=told)
    except InputError as error:
        raise _refused(course, error) from error
    here.refreshes = due
    here.measured += 1
    here.refresh_seconds += time.perf_counter() - start


def _refused(course: Course, error: InputError) -> Exception:
    """What was measured once, of the same images, is refused only if the weights have changed beyond numbers."""
    why = ("the population's statistics cannot be measured: ", replace(error.fault, cure=""))
    if not course.job.position.refreshes:
        return InputError(why, argument="moments")
    refuse_nonfinite(course)
    return DivergenceError.of(what_to_try(course, why))


def stop_measuring(course: Course) -> None:
    """End a measurement, which is done again later, if the training is to stop.

    Raises:
        TrainingInterrupted: it is.
    """
    if course.stop.heard:
        raise TrainingInterrupted(how_to_go_on(course.job, course.stop.heard))


class Stoppable(RecalibrationWatcher):
    """Tells the training's watcher how far it has come, and ends it if the training is to stop.

    `notes`: whether to pass them on, which each measurement would say again.
    """

    def __init__(self, course: Course, *, notes: bool) -> None:
        self.course, self.notes = course, notes

    def batch(self, done: int, total: int | None, number: int) -> None:
        self.course.watcher.measuring(done, total)
        stop_measuring(self.course)

    def note(self, message: str) -> None:
        if self.notes:
            self.course.watcher.note(message)
