"""Which buffers does the net have that is judged and saved, if several processes train it?"""

from collections.abc import Iterator
from contextlib import contextmanager

from torch import nn

from ..ranks import gather_tensors, tensors_of_first
from ._job import Job
from ._merged_buffers import merged_buffers
from ._own_states import put_buffers


@contextmanager
def as_shipped(job: Job) -> Iterator[nn.Module]:
    """Give the net to ship, for the block with the buffers that count, in every process; each then has its own again.

    Raises:
        RankError: another process failed, or cannot be reached.
    """
    if job.ranks.size == 1:
        yield job.best
        return
    own = {name: buffer.detach().clone() for name, buffer in job.best.named_buffers()}
    take_shipped(job)
    try:
        yield job.best
    finally:
        put_buffers(job.best, own)


def take_shipped(job: Job) -> None:
    """Give the net to ship the buffers that count, in every process: the first one's, or those of all, merged.

    Raises:
        RankError: another process failed, or cannot be reached.
    """
    net, ranks = job.best, job.ranks
    names, tensors = [name for name, _ in net.named_buffers()], [buffer for _, buffer in net.named_buffers()]
    if ranks.size == 1 or not names:
        return
    if job.config.bn_buffers == "mean":
        values = merged_buffers(net, [dict(zip(names, one, strict=True)) for one in gather_tensors(ranks, tensors)])
    else:
        values = dict(zip(names, tensors_of_first(ranks, tensors), strict=True))
    put_buffers(net, values)
