"""How do several processes come to the same gradients? By torch's DistributedDataParallel."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import torch
import torch.distributed as dist
from torch import nn
from torch.nn.parallel import DistributedDataParallel

from ..ranks import joined_now
from ._job import Job


@contextmanager
def data_parallel(job: Job) -> Iterator[None]:
    """Let the processes of a training average their gradients for the block; alone, a process has nothing to average.

    A parameter that no process has used keeps no gradient, as in one process; one that some have used is averaged over
    all. To see which, the graph of each step is walked through (`find_unused_parameters`). That has another use: the
    buckets of gradients stay those of the first step, so that a training that was stopped adds up in the same order.
    With `bn_buffers="rank0"` the first process hands out its buffers before each step.
    """
    if job.ranks.size == 1:
        yield
        return
    group = _group(job.device)
    job.data_parallel = DistributedDataParallel(
        _Called(job.model),
        device_ids=[job.device] if job.device.type == "cuda" else None,
        process_group=group,
        find_unused_parameters=True,
        forward_sync_buffers=job.config.bn_buffers == "rank0",
        init_sync=False,  # all hold the same, but for buffers that are each one's own
    )
    try:
        yield
    finally:
        job.data_parallel = None
    # A group that was joined goes with all that was made in it; one of the caller's may see many trainings.
    if group is not None and joined_now() is None:
        dist.destroy_process_group(group)


def _group(device: torch.device) -> dist.ProcessGroup | None:
    """Return the group in which gradients are averaged; None for that of all else.

    Where a layer is used by some processes alone, its gradients are ready ahead of a synchronized norm in some, and
    behind it in others. In one group they would wait for each other. Over NCCL two groups at once are not safe.
    """
    if device.type != "cpu":
        return None
    joined = joined_now()
    group: dist.ProcessGroup = dist.new_group(timeout=timedelta(seconds=joined.seconds) if joined else None)
    return group


class _Called(nn.Module):
    """A net beside a parameter that nobody uses: where there is one, torch does not advise against looking for it."""

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net
        trained = next(parameter for parameter in net.parameters() if parameter.requires_grad)
        self.unused = nn.Parameter(trained.detach().new_zeros(()))

    def forward(self, images: torch.Tensor) -> Any:
        return self.net(images)
