"""When do the running statistics move in a step of several batches? Once, at its end, by all of its images."""

from contextlib import AbstractContextManager, nullcontext

from torch import nn

from ..norms import find_norms
from ..statistics import accumulate_statistics


def window(net: nn.Module, batches: int) -> AbstractContextManager[object]:
    """Let a step's forwards, one for each of its batches, be one update of the running statistics.

    Raises:
        RefusedError: a norm has a forward of its own, of whose values nobody knows how many they are.

    Example:
        >>> import torch
        >>> norm = nn.BatchNorm1d(1, momentum=1.0)
        >>> with window(norm, 2):
        ...     _ = norm(torch.tensor([[0.0], [2.0]])), norm(torch.tensor([[4.0], [6.0]]))
        >>> norm.running_mean, norm.num_batches_tracked
        (tensor([3.]), tensor(1))
    """
    if batches == 1 or not find_norms(net, "accumulate_statistics"):
        return nullcontext()
    return accumulate_statistics(net, batches)
