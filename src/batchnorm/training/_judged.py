"""How good is the net to ship? Each process judges its part of the images, and all come to the same numbers."""

import math

from ..data import Batches
from ..records import Judgement
from ..runs import first_nonfinite, loss_and_accuracy, outputs_of_all
from ._course import Course
from ._job import Job
from ._messages import what_to_try
from ._shipped import as_shipped
from ._step import DivergenceError, refuse_nonfinite


def judged(course: Course, batches: Batches, name: str) -> tuple[float, float]:
    """Return loss and accuracy of the net to ship.

    Raises:
        DivergenceError: they are not finite.
        RankError: another process failed, or cannot be reached.
    """
    job = course.job
    # The last update is the only one whose weights no training loss has tried.
    refuse_nonfinite(course)
    with as_shipped(job) as net:
        loss, accuracy = loss_and_accuracy(*outputs_of_all(job.ranks, net.eval(), batches, job.device))
        if not math.isfinite(loss):
            place = first_nonfinite(net, batches.first()[0].to(job.device))
            fault = f"the {name} loss became {loss}; first not finite: {place}"
            raise DivergenceError.of(what_to_try(course, fault))
    return loss, accuracy


def judgement(job: Job, batches: Batches) -> Judgement:
    """Return loss and accuracy of the net to ship, whatever they are.

    Raises:
        RankError: another process failed, or cannot be reached.
    """
    with as_shipped(job) as net:
        loss, accuracy = loss_and_accuracy(*outputs_of_all(job.ranks, net.eval(), batches, job.device))
    return Judgement(loss if math.isfinite(loss) else None, accuracy)
