"""What a run keeps of the weights that it was started with."""

from ..errors import InputError
from ..records import Initialization, read_record
from ..runs import RunFolder
from ._job import Job


def write_initialization(folder: RunFolder, job: Job) -> None:
    """Write down what the net took of somebody's weights, before the first step.

    Raises:
        InputError: the run has been started with other weights: it was stopped before its first checkpoint, and what
            it was to start with has changed since.
        OSError: it cannot be written.
    """
    now = job.initialization
    if now is None:
        return
    if folder.initialization.exists():
        before = read_record(folder.initialization, Initialization)
        if before.sha256 != now.sha256:
            raise InputError(
                f"{now.found}: has changed since the run in {folder.path} was started with it",
                argument="init",
                cure="Put it back as it was, or start a new run.",
            )
        return
    folder.write_initialization(now)
