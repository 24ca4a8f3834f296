"""Has the disk room for the files of a run? Asked before the first step: at the end of an epoch it would be lost."""

import shutil
from collections.abc import Mapping

from torch import Tensor

from ..errors import InputError
from ..runs import RunFolder
from ._preparation import Job

SMALL_FILES = 1 << 20
"""Bytes for config, metrics, result, and what the formats add to the tensors."""


def check_room(job: Job, folder: RunFolder) -> None:
    """Raise unless the disk takes what the training will write, beside what lies in the folder already.

    A file is written whole before it replaces the older one, so that for a moment the largest one is there twice.

    Raises:
        InputError: it does not.
    """
    needed = _bytes_of_run(job) - sum(file.stat().st_size for file in folder.files if file.is_file())
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


def _bytes_of_run(job: Job) -> int:
    model = _bytes_of(job.best.state_dict())
    moments = {"sgd": 1 if job.config.momentum else 0, "adamw": 2}[job.config.optimizer]
    checkpoint = _bytes_of(job.model.state_dict()) + moments * sum(map(_size, job.model.parameters()))
    checkpoint += 0 if job.average is None else model
    models = 1 + (job.config.recalibrate != "off") + job.config.fold
    return models * model + checkpoint + max(model, checkpoint) + SMALL_FILES


def _bytes_of(state: Mapping[str, object]) -> int:
    return sum(_size(value) for value in state.values() if isinstance(value, Tensor))


def _size(tensor: Tensor) -> int:
    return tensor.numel() * tensor.element_size()


def _megabytes(count: int) -> str:
    return f"{count / 1e6:,.1f} MB"
