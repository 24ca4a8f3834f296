"""How accurate is a trained net by whose statistics: its running ones, measured ones, or those of each batch?"""

from collections.abc import Callable, Iterable
from typing import Any, Literal

import torch
from torch import nn

from ...data import Split
from ...statistics import recalibrate, use_batch_statistics
from ...transaction import copied

Accuracy = Callable[[nn.Module], float]
"""Of a net in evaluation mode, in percent."""


def by_measured(
    net: nn.Module, images: Iterable[Any], method: Literal["average", "exact"], accuracy: Accuracy
) -> float:
    """Return the accuracy of a copy of the net whose statistics `recalibrate` has computed anew.

    Args:
        net: stays as it is.
        images: batches of training images.
        method: "average" or "exact".
        accuracy: is given the copy.

    Example:
        >>> import torch
        >>> net = nn.Sequential(nn.BatchNorm1d(1))
        >>> by_measured(net, [torch.tensor([[5.0], [7.0]])], "exact", lambda net: net[0].running_mean.item())
        6.0
        >>> net[0].running_mean
        tensor([0.])
    """
    twin = copied(net)
    recalibrate(twin, images, method=method)
    return accuracy(twin)


def by_batch(net: nn.Module, accuracy: Accuracy) -> float:
    """Return the accuracy where each batch of an evaluation is normalized by its own moments; the net stays as it is.

    Example:
        >>> import torch
        >>> net = nn.Sequential(nn.BatchNorm1d(1)).eval()
        >>> by_batch(net, lambda net: net(torch.tensor([[5.0], [7.0]])).sum().item())
        0.0
    """
    with use_batch_statistics(net):
        return accuracy(net)


def without_single(split: Split, batch_size: int) -> Split:
    """Leave the last image out where it would be a batch by itself, of which no norm can take a variance.

    Example:
        >>> import torch
        >>> split = Split(torch.zeros(5, 1, 2, 2, dtype=torch.uint8), torch.arange(5))
        >>> len(without_single(split, 2)), len(without_single(split, 3)), len(without_single(split, 1))
        (4, 5, 5)
    """
    return split.subset(torch.arange(len(split) - 1)) if batch_size > 1 and len(split) % batch_size == 1 else split
