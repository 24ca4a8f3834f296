"""The statistics of an average of weights: measured wherever it is judged, if the config says so."""

from dataclasses import replace

from ..errors import InputError
from ..statistics import recalibrate
from ._course import Course
from ._messages import what_to_try
from ._population import Stoppable
from ._step import DivergenceError, refuse_nonfinite


def measure_average(course: Course) -> None:
    """Give the average the statistics of its own weights, on the training's images, at the end of an epoch.

    They follow from the weights and the seed: whoever was stopped meanwhile comes to the same when he goes on. Behind
    the last epoch nothing changes the average any more, so that it is tested and shipped with what was validated.

    Raises:
        TrainingInterrupted: SIGINT or SIGTERM came; the statistics are as before.
        DivergenceError: the net does not give finite numbers any more.
        InputError: they cannot be measured at all.
    """
    job = course.job
    if job.average_images is None:
        return
    refuse_nonfinite(course)
    told = Stoppable(course, notes=not job.history)
    try:
        recalibrate(job.best, job.average_images, watcher=told)
    except InputError as error:
        why = ("the average's statistics cannot be measured: ", replace(error.fault, cure=""))
        if not job.history:
            raise InputError(why, argument="ema_buffers") from error
        # They could be after the epoch before, of the same images: only the weights have changed since.
        raise DivergenceError.of(what_to_try(course, why)) from error
