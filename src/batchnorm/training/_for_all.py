"""What does the first process read of a run, and all the others hear from it, who may not see its folder?

They may run on other machines. Nothing is believed less than where one process reads for itself: the first has checked
what it tells.
"""

import io
import json
from collections.abc import Callable
from dataclasses import asdict, fields

import torch

from ..models import is_in_zoo
from ..ranks import Ranks, one_per_machine_first
from ..records import TrainResult, from_json, to_json
from ..runs import Initial, OwnData, RunFolder, TrainConfig, load_model, pickle_bytes, read_initial
from ._checkpoint import Checkpoint, checkpoint_bytes, checkpoint_of
from ._course import Course
from ._going_on import is_of_shorter, last_checkpoint


def config_for_all(ranks: Ranks, read: Callable[[], TrainConfig]) -> TrainConfig:
    """Return the config that the first process reads.

    Raises:
        RankError: the first process failed, or cannot be reached.
    """
    told = ranks.from_first(lambda: json.dumps(asdict(read())).encode())
    values = json.loads(told)
    return TrainConfig(**{**values, "data": OwnData(values["data"])})


def initial_for_all(ranks: Ranks, init: str | None) -> Initial | None:
    """Return the weights that a training starts with; None where it starts with random ones.

    The first process reads a file; what a library has in its cache, or fetches, each finds by itself.

    Raises:
        InputError: there are none, or they cannot be read or fetched.
        RankError: the first process failed, or cannot be reached.
    """
    if init is None:
        return None
    if ranks.size == 1 or is_in_zoo(init):
        with one_per_machine_first(ranks):
            return read_initial(init)
    told = ranks.from_first((lambda: pickle_bytes(_plain(read_initial(init)))) if ranks.first else None)
    return Initial(**torch.load(io.BytesIO(told), map_location="cpu", weights_only=True))


def _plain(initial: Initial) -> dict[str, object]:
    """The parts of what was read; the tensors as they are, where `asdict` would copy them."""
    return {entry.name: getattr(initial, entry.name) for entry in fields(Initial)}


def checkpoint_for_all(ranks: Ranks, folder: RunFolder | None) -> Checkpoint | None:
    """Return the last checkpoint of the run, None where it was stopped before its first."""
    if ranks.size == 1:
        return last_checkpoint(folder) if folder else None
    told = ranks.from_first((lambda: _bytes_of(last_checkpoint(folder))) if folder else None)
    return checkpoint_of(told) if told else None


def result_for_all(course: Course) -> tuple[TrainResult | None, TrainResult | None]:
    """Return the result of the run, None while it is not finished, and that of a shorter training, if it has one."""
    folder = course.folder
    told = course.job.ranks.from_first((lambda: _json_of(folder.read_result())) if folder else None)
    result = from_json(told.decode(), TrainResult) if told else None
    return (None, result) if result and is_of_shorter(result, course.job.config) else (result, None)


def take_recalibrated(course: Course) -> None:
    """Give the net to ship what the model file of its run holds, which has been recalibrated since it was trained."""
    job, folder = course.job, course.folder
    if folder:
        job.best.load_state_dict(load_model(folder.model, job.best)[0].state_dict())
    if job.ranks.size > 1:
        told = job.ranks.from_first(lambda: pickle_bytes(job.best.state_dict()))
        job.best.load_state_dict(torch.load(io.BytesIO(told), map_location="cpu", weights_only=True))


def place_for_all(ranks: Ranks, folder: RunFolder | None) -> RunFolder | None:
    """Return the folder of the run for whoever is to speak of it, though only the first process may touch it."""
    told = ranks.from_first((lambda: str(folder.path).encode()) if folder else None)
    return RunFolder(told.decode()) if told else None


def _bytes_of(checkpoint: Checkpoint | None) -> bytes:
    return checkpoint_bytes(checkpoint) if checkpoint else b""


def _json_of(result: TrainResult | None) -> bytes:
    return to_json(result).encode() if result else b""
