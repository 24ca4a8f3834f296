"""What is left of a step in the middle of which a process is lost? Nothing, so that the one before is the last."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from ..ranks import RankError
from ._job import Job


@contextmanager
def whole_step(job: Job) -> Iterator[None]:
    """Put back what a step has changed ahead of its update, if it cannot be done because a process is lost.

    Until then these are the buffers and the random state: weights, optimizer and position move once all is exchanged.

    Raises:
        RankError: another process failed, or cannot be reached.
    """
    if job.ranks.size == 1:
        yield
        return
    buffers = [(buffer, buffer.detach().clone()) for buffer in job.model.buffers()]
    rng, device = torch.get_rng_state(), job.device
    cuda_rng = torch.cuda.get_rng_state(device) if device.type == "cuda" else None
    try:
        with job.ranks.reaching():
            yield
    except RankError:
        with torch.no_grad():
            for buffer, before in buffers:
                buffer.copy_(before)
        torch.set_rng_state(rng)
        if cuda_rng is not None:
            torch.cuda.set_rng_state(cuda_rng, device)
        raise
