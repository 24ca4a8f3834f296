"""A training under way: its job, and those whom it speaks with."""

from dataclasses import dataclass

from ..progress import Watcher
from ..runs import RunFolder, StopRequest
from ._job import Job


@dataclass(frozen=True, eq=False)
class Course:
    """What goes together from the first step to the last.

    Attributes:
        job: what is trained, and how far it has come.
        folder: where this process writes; `None` for all but the first, and where nothing is to be written.
        stop: who asks the training to stop.
        watcher: who hears of it.
    """

    job: Job
    folder: RunFolder | None
    stop: StopRequest
    watcher: Watcher
