"""How far do the moments of a layer's inputs move while a net trains?"""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from ._layers import channel_axis, layers_heard


class InputMoments(NamedTuple):
    """Mean and standard deviation of a layer's input by channel, in float64, each of shape (C,)."""

    mean: Tensor
    std: Tensor


def input_moments(net: nn.Module, images: Tensor) -> list[InputMoments]:
    """Return the moments of each layer's input but the first one's, by the order of calls, in training mode.

    Where a norm precedes a layer, its batch's moments normalize, as in training. The net is afterwards as it was.

    Args:
        net: any net whose convolutions and linear layers are modules.
        images: the batch; the same one at all times that are compared.

    Example:
        >>> net = nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3, eps=1e-12), nn.Linear(3, 1))
        >>> moments = input_moments(net, torch.randn(8, 2))
        >>> [round(float(number), 4) + 0.0 for number in (*moments[0].mean, *moments[0].std)]
        [0.0, 0.0, 0.0, 1.0, 1.0, 1.0]
    """
    found: list[InputMoments] = []
    with layers_heard(net, lambda layer, x: found.append(_moments(x, channel_axis(layer)))), torch.no_grad():
        net(images)
    return found[1:]


def _moments(x: Tensor, axis: int) -> InputMoments:
    by_channel = x.detach().double().movedim(axis, 0).flatten(1)
    return InputMoments(by_channel.mean(1), by_channel.std(1, correction=0))


def input_drift(before: InputMoments, after: InputMoments) -> float:
    """Return how far the moments of a layer's inputs have moved, in units of its inputs' spread.

        sqrt(sum((mean' - mean)**2 + (std' - std)**2) / sum((std**2 + std'**2) / 2)),  sums over channels

    The numerator is the 2-Wasserstein distance of normal distributions with these moments. Inputs that are multiplied
    by a constant at both times give the same number.

    Args:
        before: the moments at one time.
        after: the moments of the same layer for the same images at another one.

    Returns:
        0 where nothing has moved; NaN where no channel varies.

    Example:
        >>> ones, zeros = torch.ones(2), torch.zeros(2)
        >>> input_drift(InputMoments(zeros, ones), InputMoments(3 * ones, ones))
        3.0

    Source:
        The distributions of layers' inputs: Ioffe and Szegedy, 2015, sections 1 and 4.1, arXiv:1502.03167. The measure
        is this library's.
    """
    moved = (after.mean - before.mean).square().sum() + (after.std - before.std).square().sum()
    spread = (before.std.square() + after.std.square()).sum() / 2
    return float((moved / spread).sqrt())
