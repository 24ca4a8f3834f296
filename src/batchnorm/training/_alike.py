"""Do all processes train the same net on the same images by the same options? Asked before the first step."""

import hashlib
from dataclasses import asdict

import torch
from torch import Tensor

from ..errors import InputError
from ..ranks import Ranks, exchange
from ..runs import MAY_DIFFER, TrainConfig
from ._job import Job

OF_MACHINES = MAY_DIFFER | {"device", "threads"}
"""Options that may differ between processes: each may have its own GPU, or CPU."""


def check_options_alike(ranks: Ranks, config: TrainConfig) -> None:
    """Raise, in every process, unless all have the same options.

    Raises:
        InputError: they have not.
    """
    options = {name: repr(value).encode() for name, value in asdict(config).items() if name not in OF_MACHINES}
    different = _different(ranks, options)
    if different:
        names = ", ".join(different)
        raise InputError(
            argument="config",
            expected="the same options in every process",
            got=f"others of {names}",
            cure="Start all processes with the same command.",
        )


def check_alike(job: Job) -> None:
    """Raise, in every process, unless all begin with the same weights, images and labels, and stand at the same step.

    Raises:
        InputError: they do not.
    """
    if job.ranks.size == 1:
        return
    held = {
        "weights": _sum_of(_weights(job)),
        "training images": job.train.split.fingerprint(),
        "steps done": str(job.steps_done).encode(),
    }
    different = _different(job.ranks, held)
    if different:
        raise InputError(
            f"the processes would not train alike; expected the same {' and '.join(different)} in all",
            got="different ones",
            cure=CURES[different[0]],
        )


CURES = {
    "weights": "Build the model from the same seed in every process, or load the same file.",
    "training images": "Let the data give every process all images, in the same order; each trains on its own share.",
    "steps done": "Let all processes resume the same run.",
}


def _weights(job: Job) -> list[Tensor]:
    """The tensors that all are to have alike; in the middle of a training each may have statistics of its own."""
    own = job.config.bn_buffers == "mean" and job.steps_done
    return [*job.model.parameters()] if own else [*job.model.parameters(), *job.model.buffers()]


def _different(ranks: Ranks, held: dict[str, bytes]) -> list[str]:
    """Return the names of what is not the same, bit for bit, in all processes."""
    given = exchange(ranks, {name: hashlib.sha256(value).hexdigest() for name, value in held.items()})
    return [name for name in held if len({one[name] for one in given}) > 1]


def _sum_of(tensors: list[Tensor]) -> bytes:
    found = hashlib.sha256()
    for tensor in tensors:
        found.update(f"{tuple(tensor.shape)} {tensor.dtype}".encode())
        found.update(tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().data)
    return found.digest()
