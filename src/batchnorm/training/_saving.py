"""When is a training saved, and how do all its processes stop at the same place?"""

from collections.abc import Iterator
from contextlib import contextmanager

from ..runs import TrainingInterrupted, save_model
from ._checkpoint import save_checkpoint
from ._course import Course
from ._kept import net_to_save
from ._left_alone import stopped_together
from ._messages import how_to_go_on
from ._shipped import as_shipped
from ._step import refuse_nonfinite


def save(course: Course) -> None:
    """Write model, checkpoint and metrics, in an order in which a crash between two of them loses nothing.

    A model whose result stands is replaced together with that, in the end.
    """
    job, folder = course.job, course.folder
    refuse_nonfinite(course)
    checkpoint = job.checkpoint()
    with as_shipped(job) as net:
        if folder and job.standing is None:
            save_model(folder.model, net_to_save(job, net), job.card)
    if folder:
        save_checkpoint(folder.checkpoint, checkpoint)
        folder.write_metrics(job.history)


def stop_if_asked(course: Course) -> None:
    """Save and stop, all processes at the same place, if one of them was asked to.

    Raises:
        TrainingInterrupted: one was.
    """
    course.stop.share(course.job.ranks)
    stop_if_agreed(course)


def stop_if_agreed(course: Course) -> None:
    """Save and stop, if all processes know already that one of them was asked to.

    Raises:
        TrainingInterrupted: one was.
    """
    if course.stop.signal:
        save(course)
        raise TrainingInterrupted(how_to_go_on(course.job, course.stop.signal))


@contextmanager
def saved_if_stopped(course: Course) -> Iterator[None]:
    """Save a training that is stopped in the middle of what follows from where it stands, and is done again later."""
    try:
        with stopped_together(course.job):
            yield
    except TrainingInterrupted:
        save(course)
        raise
