"""When do the running statistics move in a step of several batches? Once, at its end, by all of its images."""

from contextlib import AbstractContextManager, nullcontext

from torch import nn

from ..norms import find_norms
from ..statistics import accumulate_statistics


def window(net: nn.Module, batches: int) -> AbstractContextManager[object]:
    """Let the forwards of a step, one for each of its batches, be one update of the running statistics.

    Raises:
        RefusedError: a norm has a forward of its own, of whose values nobody knows how many they are.

    Example:
        >>> import torch
        >>> net = nn.Sequential(nn.BatchNorm1d(1, momentum=1.0))
        >>> with window(net, 2):
        ...     _ = net(torch.tensor([[0.0], [2.0]])), net(torch.tensor([[4.0], [6.0]]))
        >>> net[0].running_mean, net[0].num_batches_tracked
        (tensor([3.]), tensor(1))
    """
    norms = [module for norm in find_norms(net, "accumulate_statistics") for module in norm.modules]
    # A net may have no norm, or only such as are constants by their class.
    return accumulate_statistics(net, batches) if any(hasattr(norm, "momentum") for norm in norms) else nullcontext()
