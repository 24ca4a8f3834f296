"""The statistics of the norms in frozen parts: measured on the new images before they stand still, if asked for."""

import torch

from ..errors import InputError, words_of
from ..statistics import recalibrate
from ..transaction import original
from ._course import Course
from ._frozen_norms import ROOT
from ._population import Stoppable


def measure_parts(course: Course) -> None:
    """Give the norms in frozen parts the statistics of the training images, ahead of the first step.

    They follow from the weights that the training begins with, and the seed: whoever was stopped meanwhile comes to the
    same when he goes on. All norms of the net are measured at once, as it trains; those outside these parts then have
    their own statistics again.

    Raises:
        TrainingInterrupted: SIGINT or SIGTERM came; the statistics are as before.
        InputError: they cannot be measured.
    """
    job = course.job
    if job.parts_images is None or job.parts is None or job.parts.still is None or job.steps_done:
        return
    still, (net, _) = job.parts.still.names, original(job.model)
    others = [one for name, one in net.named_buffers() if (name.rpartition(".")[0] or ROOT) not in still]
    before = [buffer.detach().clone() for buffer in others]
    try:
        with job.precision():
            record = recalibrate(job.model, job.parts_images, watcher=Stoppable(course, notes=True))
    except InputError as error:
        why = ("the statistics of the norms in frozen parts cannot be measured: ", words_of(error))
        raise InputError(why, argument="norm_mode") from error
    with torch.no_grad():
        for buffer, values in zip(others, before, strict=True):
            buffer.copy_(values)
    for name in still:
        if name in record.skipped:
            course.watcher.note(f"{name} keeps the statistics that it has: {record.skipped[name]}")
