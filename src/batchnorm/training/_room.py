"""Where does a new run go, and has the disk room for it? Asked before the first step: later much would be lost."""

import contextlib
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path

from torch import Tensor

from ..data import FolderSource
from ..errors import InputError
from ..progress import Watcher
from ..runs import RunFolder, in_place_of, plan_in_place_of
from ._going_on import is_of_shorter
from ._job import Job

SMALL_FILES = 1 << 20
"""Bytes for config, metrics, result, and what the formats add to the tensors."""


def planned(out: Path | str | None, *, overwrite: bool) -> RunFolder | None:
    """Take the folder of a run to be, without touching the disk; None where nothing is to be written.

    Raises:
        InputError: the path holds something that may not be replaced, or a folder cannot be made there.
    """
    if out is None:
        return None
    return plan_in_place_of(out) if overwrite else RunFolder.plan(out)


def check_room(job: Job, folder: RunFolder, *, beside: bool = False) -> None:
    """Raise unless the disk takes what the training will write, in the place of what lies in the folder already.

    A file is written whole before it replaces the older one, so that for a moment the largest one is there twice.

    Args:
        job: the training.
        folder: of its run.
        beside: what lies there stays until the training ends.

    Raises:
        InputError: it does not.
    """
    files = () if beside else folder.files
    needed = _bytes_of_run(job) - sum(file.stat().st_size for file in files if file.is_file())
    nearest = next(place for place in (folder.path, *folder.path.absolute().parents) if place.exists())
    try:
        disk = shutil.disk_usage(nearest)
    except OSError:  # then nobody knows, and the first write will tell
        return
    # A file system that counts nothing says that it has nothing.
    if disk.total and disk.free < needed:
        raise InputError(
            f"{_megabytes(needed)} will be written, and the disk of {nearest} has {_megabytes(disk.free)} free",
            argument="out",
            cure="Make room, or choose another folder.",
        )


def check_room_to_go_on(job: Job, folder: RunFolder) -> None:
    """Raise unless the disk takes what a run writes that goes on, if it is not finished.

    Raises:
        InputError: it does not.
    """
    result = folder.read_result()
    if result is None or is_of_shorter(result, job.config):
        check_room(job, folder, beside=result is not None)


@contextlib.contextmanager
def folder_made(job: Job, folder: RunFolder, watcher: Watcher, *, overwrite: bool) -> Iterator[None]:
    """Make the folder of a new run, in the place of an old one if that is allowed, and hold it for the block.

    Raises:
        InputError: the disk has no room, or another process was faster, or trains in the old run.
        OSError: the folder cannot be written.
    """
    check_room(job, folder, beside=overwrite)
    with contextlib.ExitStack() as held:
        if overwrite and (aside := held.enter_context(in_place_of(folder))):
            watcher.note(f"the run that was in {folder.path} lies in {aside} until this one ends")
        split = job.source.split_table() if isinstance(job.source, FolderSource) else None
        held.enter_context(folder.created(job.config, split))
        yield


def _bytes_of_run(job: Job) -> int:
    model = _bytes_of(job.best.state_dict())
    moments = {"sgd": 1 if job.config.momentum else 0, "adamw": 2}[job.config.optimizer]
    checkpoint = _bytes_of(job.model.state_dict()) + moments * sum(map(_size, job.model.parameters()))
    checkpoint += model * ((job.average is not None) + (job.kept is not None))
    models = 1 + (job.config.recalibrate != "off") + job.config.fold
    return models * model + checkpoint + max(model, checkpoint) + SMALL_FILES


def _bytes_of(state: Mapping[str, object]) -> int:
    return sum(_size(value) for value in state.values() if isinstance(value, Tensor))


def _size(tensor: Tensor) -> int:
    return tensor.numel() * tensor.element_size()


def _megabytes(count: int) -> str:
    return f"{count / 1e6:,.1f} MB"
