"""Another process is lost: what is kept of the training, and how is it gone on with?"""

from collections.abc import Iterator
from contextlib import contextmanager

from ..errors import Words
from ..ranks import INTERRUPTED, RankError
from ..runs import RunFolder, TrainingInterrupted, nonfinite_entry, save_model
from ._checkpoint import save_checkpoint
from ._course import Course
from ._job import Job
from ._kept import net_to_save
from ._messages import how_to_go_on, resuming, where_it_stands


@contextmanager
def stopped_together(job: Job) -> Iterator[None]:
    """Stop where another process was stopped in the middle of what all do: by a signal that this one has not heard.

    Raises:
        TrainingInterrupted: it was.
    """
    try:
        yield
    except RankError as error:
        if error.code != INTERRUPTED:
            raise
        raise TrainingInterrupted(how_to_go_on(job, "a signal to another process")) from error


@contextmanager
def says_how_to_go_on(job: Job) -> Iterator[None]:
    """Name the command by which the training goes on, where another process is lost.

    Raises:
        RankError: one is.
    """
    try:
        yield
    except RankError as error:
        cure: Words = "Nothing is saved. Start all processes again."
        if job.run:
            cure = ("Start all processes again, with: ", resuming(job, job.run))
        raise RankError(error.fault.problem, cure=cure, code=error.code) from error


@contextmanager
def saved_if_left_alone(course: Course) -> Iterator[None]:
    """Write the state behind the last whole step, by the first process alone, where another is lost.

    The random states of the others are not in it: they draw anew when it is gone on with. Where each has statistics of
    its own, they are the first one's.

    Raises:
        RankError: one is lost.
    """
    try:
        yield
    except RankError as error:
        if course.folder is None or not _save_alone(course.job, course.folder):
            raise
        saved = f"; the training is saved as it stood {where_it_stands(course.job)}"
        raise RankError((error.fault.problem, saved), code=error.code) from error


def _save_alone(job: Job, folder: RunFolder) -> bool:
    """Write model, checkpoint and metrics without asking the others, and return whether that could be done."""
    if nonfinite_entry(job.model) or nonfinite_entry(job.best):
        return False
    try:
        if job.standing is None:
            save_model(folder.model, net_to_save(job, job.best), job.card)
        save_checkpoint(folder.checkpoint, job.checkpoint_with([]))
        folder.write_metrics(job.history)
    except OSError:  # then it goes on from the checkpoint before
        return False
    return True
