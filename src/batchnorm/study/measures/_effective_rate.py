"""How fast do weights turn whose length changes nothing? By the rate over their length squared."""

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from ...statistics import use_batch_statistics

Weights = Mapping[str, nn.Parameter]

LONGER = 8.0
"""By how much weights are stretched to see whether that changes anything; longer ones, for eps tells the less then."""
TOLERANCE = 0.01
"""How much of the outputs' spread may be eps's doing."""


def scale_invariant_weights(net: nn.Module, images: Tensor) -> dict[str, nn.Parameter]:
    """Return the weights whose length changes no output, because a norm follows: `net(c * w) = net(w)` for any c > 0.

    Each weight of two axes or more is stretched by 8, and the outputs on a batch are compared, while batch norms
    normalize by that batch. The net is as before.

    Args:
        net: any.
        images: a batch of its inputs.

    Example:
        >>> from batchnorm.models import ConvBNNet
        >>> list(scale_invariant_weights(ConvBNNet(width=4), torch.randn(8, 1, 28, 28)))
        ['conv1.weight', 'conv2.weight']

    Source: van Laarhoven, "L2 Regularization versus Batch and Weight Normalization", 2017.
    """
    with torch.no_grad(), use_batch_statistics(net):
        before = net(images)
        spread = (before - before.mean(0)).abs().max()
        if not spread > 0:
            return {}
        found = {}
        for name, weight in net.named_parameters():
            if weight.dim() > 1:
                with _stretched(weight):
                    moved = (net(images) - before).abs().max()
                if moved <= TOLERANCE * spread:
                    found[name] = weight
    return found


def lengths(weights: Weights) -> dict[str, float]:
    """Return the Euclidean length of each weight.

    Example:
        >>> lengths({"w": nn.Parameter(torch.tensor([[3.0, 4.0]]))})
        {'w': 5.0}
    """
    return {name: weight.detach().double().norm().item() for name, weight in weights.items()}


def mean_length(weights: Weights) -> float:
    """Return the geometric mean of their lengths; NaN where there are none.

    Example:
        >>> mean_length({"a": nn.Parameter(torch.tensor([2.0])), "b": nn.Parameter(torch.tensor([8.0]))})
        4.0
    """
    known = lengths(weights).values()
    if not known or min(known) <= 0:
        return math.nan
    return math.exp(sum(map(math.log, known)) / len(known))


def effective_rate(lr: float, weights: Weights) -> float:
    """Return the learning rate that scale-invariant weights feel, the geometric mean over them: `lr / length**2`.

    The gradient of such a weight is at right angles to it and goes with 1 / length, so that a step of SGD turns it by
    `lr / length**2` times the gradient that it would have at length 1.

    Args:
        lr: the learning rate.
        weights: what `scale_invariant_weights` gives.

    Returns:
        The rate; NaN where there are none.

    Example:
        >>> round(effective_rate(0.1, {"w": nn.Parameter(torch.tensor([[3.0, 4.0]]))}), 6)
        0.004

    Source: van Laarhoven, "L2 Regularization versus Batch and Weight Normalization", 2017.
    """
    return lr / mean_length(weights) ** 2


@torch.no_grad()
def set_lengths(weights: Weights, wanted: Mapping[str, float]) -> None:
    """Stretch each weight, in place, to a length: no output of the net changes, but what the next step does.

    Example:
        >>> weight = nn.Parameter(torch.tensor([[3.0, 4.0]]))
        >>> set_lengths({"w": weight}, {"w": 10.0})
        >>> weight.tolist()
        [[6.0, 8.0]]
    """
    for name, length in lengths(weights).items():
        if length > 0:
            weights[name].mul_(wanted[name] / length)


@contextmanager
def _stretched(weight: nn.Parameter) -> Iterator[None]:
    before = weight.detach().clone()
    try:
        weight.mul_(LONGER)
        yield
    finally:
        weight.copy_(before)
