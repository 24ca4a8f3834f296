"""Do all processes train the same net on the same images by the same options? Asked before the first step."""

import hashlib
from dataclasses import asdict

import torch
from torch import Tensor

from ..errors import InputError
from ..ranks import Ranks, all_equal
from ..runs import MAY_DIFFER, TrainConfig
from ._job import Job

OF_MACHINES = MAY_DIFFER | {"device", "threads"}
"""Options that may differ between processes: each may have its own GPU, or CPU."""


def check_options_alike(ranks: Ranks, config: TrainConfig) -> None:
    """Raise, in every process, unless all have the same options.

    Raises:
        InputError: they have not.
    """
    options = [f"{name} = {value!r}" for name, value in asdict(config).items() if name not in OF_MACHINES]
    hashes = [hashlib.sha256(option.encode()).digest() for option in options]
    different = _different(ranks, hashes)
    if different:
        names = ", ".join(options[number].partition(" = ")[0] for number in different)
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
        "training images": _sum_of([job.train.split.images, job.train.split.labels]),
        "steps done": str(job.steps_done).encode(),
    }
    different = [[*held][number] for number in _different(job.ranks, [*held.values()])]
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


def _different(ranks: Ranks, hashes: list[bytes]) -> list[int]:
    """Return which of some bytes, one after the other, are not the same in all processes."""
    digests = [hashlib.sha256(one).digest() for one in hashes]
    mine = torch.tensor([*b"".join(digests)], dtype=torch.float64)
    given = [vector.reshape(len(hashes), -1) for vector in ranks.gather(mine)]
    return [number for number in range(len(hashes)) if not all_equal([one[number] for one in given])]


def _sum_of(tensors: list[Tensor]) -> bytes:
    found = hashlib.sha256()
    for tensor in tensors:
        found.update(f"{tuple(tensor.shape)} {tensor.dtype}".encode())
        found.update(tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().data)
    return found.digest()
