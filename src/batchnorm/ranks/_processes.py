"""How does a process come into the group with which it works, and out of it?"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import torch
import torch.distributed as dist

from ._environment import Place, place_in
from ._ranks import Ranks

TIMEOUT = 600.0
"""Seconds for which a process waits for the others."""


@contextmanager
def processes(device: torch.device, *, verb: str = "train", timeout: float = TIMEOUT) -> Iterator[Ranks]:
    """Give the processes that work together on `device`, of which each calls this.

    Those of a group that the caller has made; or those that were started together by torchrun, joined for the block by
    gloo, and by NCCL for tensors on GPUs; or this one alone.

    Args:
        device: where this process computes.
        verb: what they do together.
        timeout: seconds for which they wait for one that does not come.

    Raises:
        InputError: the environment names a group by halves.
        RankError: a process failed, or cannot be reached.

    Example:
        >>> with processes(torch.device("cpu")) as ranks:
        ...     ranks.size, ranks.first, ranks.any(True), ranks.sum(torch.ones(2))
        (1, True, True, tensor([1., 1.]))
    """
    place = None if dist.is_available() and dist.is_initialized() else place_in()
    if place is None:
        yield Ranks(None, device, verb)
        return
    with _joined(place, device, timeout):
        yield Ranks(None, device, verb)


@contextmanager
def _joined(place: Place, device: torch.device, timeout: float) -> Iterator[None]:
    backend = "cpu:gloo,cuda:nccl" if device.type == "cuda" else "gloo"
    dist.init_process_group(backend, rank=place.rank, world_size=place.size, timeout=timedelta(seconds=timeout))
    try:
        yield
    finally:
        dist.destroy_process_group()
