"""What does the first process read of a run, and all the others hear from it, who may not see its folder?

They may run on other machines. Nothing is believed less than where one process reads for itself: the first has checked
what it tells.
"""

import io
import json
from dataclasses import asdict

import torch

from ..errors import InputError, Setting
from ..ranks import Ranks, exchange
from ..records import TrainResult, from_json, to_json
from ..runs import MAY_DIFFER, OwnData, RunFolder, TrainConfig, load_model, pickle_bytes
from ._checkpoint import Checkpoint, checkpoint_bytes, checkpoint_of
from ._going_on import last_checkpoint
from ._job import Job


def config_for_all(ranks: Ranks, folder: RunFolder | None) -> TrainConfig:
    """Return the config of the run in `folder`, which is None in all but the first process."""
    told = ranks.from_first((lambda: json.dumps(asdict(folder.read_config())).encode()) if folder else None)
    values = json.loads(told)
    return TrainConfig(**{**values, "data": OwnData(values["data"])})


def checkpoint_for_all(ranks: Ranks, folder: RunFolder | None) -> Checkpoint | None:
    """Return the last checkpoint of the run, None where it was stopped before its first."""
    if ranks.size == 1:
        return last_checkpoint(folder) if folder else None
    told = ranks.from_first((lambda: _bytes_of(last_checkpoint(folder))) if folder else None)
    return checkpoint_of(told) if told else None


def result_for_all(ranks: Ranks, folder: RunFolder | None) -> TrainResult | None:
    """Return the result of the run, None while it is not finished."""
    told = ranks.from_first((lambda: _json_of(folder.read_result())) if folder else None)
    return from_json(told.decode(), TrainResult) if told else None


def take_recalibrated(job: Job, folder: RunFolder | None) -> None:
    """Give the net to ship what the model file of its run holds, which has been recalibrated since it was trained."""
    if folder:
        job.best.load_state_dict(load_model(folder.model, job.best)[0].state_dict())
    if job.ranks.size > 1:
        told = job.ranks.from_first(lambda: pickle_bytes(job.best.state_dict()))
        job.best.load_state_dict(torch.load(io.BytesIO(told), map_location="cpu", weights_only=True))


def check_same(ranks: Ranks, config: TrainConfig) -> None:
    """Raise unless all processes were given the same options.

    Raises:
        InputError: they were not.
        RankError: another process failed, or cannot be reached.
    """
    mine = json.loads(json.dumps(asdict(config)))
    first = exchange(ranks, mine if ranks.first else None)[0]
    other = [name for name in mine if name not in MAY_DIFFER and mine[name] != first[name]]
    if other:
        names = tuple(part for name in other for part in (", ", Setting(name)))[1:]
        raise InputError(
            ("the processes were given different options: ", names), cure="Start all of them by the same command."
        )


def _bytes_of(checkpoint: Checkpoint | None) -> bytes:
    return checkpoint_bytes(checkpoint) if checkpoint else b""


def _json_of(result: TrainResult | None) -> bytes:
    return to_json(result).encode() if result else b""
