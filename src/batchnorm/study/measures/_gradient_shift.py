"""How much does a layer's gradient change because the layers below it have moved?"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ...transaction import transaction
from ._layers import Layer, layers_of

Weights = list[Tensor]
"""What `weights_of` returns: copies of all parameters in the order of `net.parameters()`."""


class GradientShift(NamedTuple):
    """Of one layer: how its gradient turned, and how far it moved for its length.

    cosine: of `(G, G')`, 1 where it points as before.
    distance: `||G - G'|| / ||G||`.
    """

    cosine: float
    distance: float


def weights_of(net: nn.Module) -> Weights:
    """Return copies of a net's parameters, to be compared with what they are later."""
    return [parameter.detach().clone() for parameter in net.parameters()]


def gradient_shift(net: nn.Module, before: Weights, images: Tensor, labels: Tensor) -> list[GradientShift]:
    """Return for each layer but the first how its gradient changes when only the layers below it take their update.

        G  = d loss(W_1, ..., W_k) / d W_i,   all weights as in `before`
        G' = d loss(W_1', ..., W_(i-1)', W_i, ..., W_k) / d W_i,   those below layer i as they are in the net

    The layers follow each other in the order of calls; a norm belongs to the layer that it follows. Each gradient is
    computed in training mode by the same random numbers. The net is afterwards as it was.

    Args:
        net: after the update.
        before: `weights_of(net)` before it.
        images: the batch by which it was updated.
        labels: int64 of shape (N,).

    Returns:
        A pair for each layer but the first, whose gradient cannot change; NaN where a gradient is 0.

    Example:
        >>> net = nn.Sequential(nn.Linear(2, 3), nn.Linear(3, 2))
        >>> shifts = gradient_shift(net, weights_of(net), torch.ones(4, 2), torch.tensor([0, 1, 0, 1]))
        >>> [(round(shift.cosine, 4), shift.distance) for shift in shifts]  # nothing has moved
        [(1.0, 0.0)]

    Source:
        Santurkar, Tsipras, Ilyas and Madry, "How does batch normalization help optimization?", 2018, definition 2.1,
        arXiv:1805.11604. There the distance is not divided by the gradient's length, which depends on the weights'
        scale where a norm follows them.
    """
    layers = layers_of(net, images)
    found = []
    with transaction(net), torch.no_grad():
        after = {id(parameter): parameter.clone() for parameter in net.parameters()}
        for parameter, value in zip(net.parameters(), before, strict=True):
            parameter.copy_(value)
        old = _gradients(net, layers, images, labels)
        for below, layer, gradient in zip(layers, layers[1:], old[1:], strict=False):
            for parameter in below.parameters:
                parameter.copy_(after[id(parameter)])
            found.append(_shift(gradient, *_gradients(net, [layer], images, labels)))
    return found


def _gradients(net: nn.Module, layers: Sequence[Layer], images: Tensor, labels: Tensor) -> list[Tensor]:
    """Return the gradient of each layer's parameters as one vector.

    Random numbers and buffers are afterwards as before, so that the next gradient is computed by the same ones.
    """
    with transaction(net) as change, torch.enable_grad():
        change.train()
        wanted = [parameter for layer in layers for parameter in layer.parameters]
        loss = F.cross_entropy(net(images), labels)
        gradients = torch.autograd.grad(loss, wanted, allow_unused=True, materialize_grads=True)
    vectors = iter(gradient.double().flatten() for gradient in gradients)
    return [torch.cat([next(vectors) for _ in layer.parameters]) for layer in layers]


def _shift(old: Tensor, new: Tensor) -> GradientShift:
    lengths = float(old.norm()), float(new.norm())
    if not all(math.isfinite(length) and length > 0 for length in lengths):
        return GradientShift(math.nan, math.nan)
    return GradientShift(float(old @ new) / (lengths[0] * lengths[1]), float((new - old).norm()) / lengths[0])


def mean_shift(shifts: Sequence[GradientShift]) -> GradientShift:
    """Return the mean cosine of several layers or times, and the geometric mean of their distances, NaN left out.

    Example:
        >>> found = mean_shift([GradientShift(1.0, 0.1), GradientShift(0.5, 10.0), GradientShift(math.nan, math.nan)])
        >>> found.cosine, round(found.distance, 6)
        (0.75, 1.0)
    """
    table = torch.tensor(shifts, dtype=torch.float64).reshape(-1, 2)
    return GradientShift(float(table[:, 0].nanmean()), float(table[:, 1].log().nanmean().exp()))
