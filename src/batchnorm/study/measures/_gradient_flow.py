"""How does the gradient change on its way back through the layers?"""

import math
from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ._layers import layers_heard

EXPLOSION = math.sqrt(math.pi / (math.pi - 1))
"""By how much the gradient grows from one layer to the one below it, where each is linear, batch norm, ReLU: 1.2112.

The linear layer multiplies the gradient by its weights' scale s, and batch norm divides it by the standard deviation of
what it normalizes, which is s times that of `relu(z)`, z standard normal: `Var relu(z) = 1/2 - 1/(2 pi) = (pi - 1) /
(2 pi)`. ReLU lets half of the gradient's square through. So the square grows by `(1/2) / ((pi - 1) / (2 pi)) =
pi / (pi - 1)`, whatever s is.

Source:
    Yang, Pennington, Rao, Sohl-Dickstein and Schoenholz, "A mean field theory of batch normalization", 2019,
    arXiv:1902.08129; Luther, "Why batch norm causes exploding gradients", 2020.
"""


def gradient_by_layer(net: nn.Module, images: Tensor, labels: Tensor) -> list[float]:
    """Return the norm of the loss's gradient with respect to the input of each hidden layer, the first one first.

        ||d loss / d x_l||,  l = 2 ... L - 1:  x_l of the whole batch is the input of layer l, by the order of calls

    The images, the input of layer 1, have no gradient; the input of layer L, the classifier, is left out, for what
    precedes it is often a mean over pixels. The gradient of an input does not depend on the scale of weights behind
    which a norm follows. The net runs in training mode and is afterwards as it was.

    Args:
        net: any net whose convolutions and linear layers are modules.
        images: the batch, in the net's dtype. float64 sees gradients that float32 would round to 0.
        labels: int64 of shape (N,).

    Returns:
        A norm for each call of a hidden layer; 0 where no gradient arrives.

    Example:
        >>> net = nn.Sequential(nn.Linear(2, 3), nn.Tanh(), nn.Linear(3, 3), nn.Tanh(), nn.Linear(3, 2))
        >>> [norm > 0 for norm in gradient_by_layer(net, torch.ones(4, 2), torch.tensor([0, 1, 0, 1]))]
        [True]
    """
    inputs: list[Tensor] = []
    with layers_heard(net, lambda _, x: inputs.append(x)), torch.enable_grad():
        loss = F.cross_entropy(net(images), labels)
        gradients = torch.autograd.grad(loss, inputs[1:-1], allow_unused=True, materialize_grads=True)
    return [float(gradient.double().norm()) for gradient in gradients]


def growth_per_layer(gradients: Sequence[float]) -> float:
    """Return by which factor gradients grow from one layer to the one below it: the slope of their logarithms.

        exp(-slope),  slope: of the line that fits (l, ln gradients[l]) best

    Args:
        gradients: positive, from the first layer to the last.

    Returns:
        Above 1 where they explode on the way back, below 1 where they vanish; NaN for fewer than two layers or where a
        gradient is 0 or not finite.

    Example:
        >>> round(growth_per_layer([8.0, 4.0, 2.0, 1.0]), 6)
        2.0
    """
    if not _usable(gradients):
        return math.nan
    slope = np.polyfit(np.arange(len(gradients)), np.log(gradients), 1)[0]
    return math.exp(-slope)


def gradient_range(gradients: Sequence[float]) -> float:
    """Return how many powers of ten lie between the largest and the smallest of the layers' gradients.

        log10(max(gradients) / min(gradients))

    Args:
        gradients: positive, of the layers.

    Returns:
        0 where all are equal; NaN for fewer than two layers or where a gradient is 0 or not finite.

    Example:
        >>> gradient_range([0.001, 1.0, 10.0])
        4.0
    """
    if not _usable(gradients):
        return math.nan
    return math.log10(max(gradients)) - math.log10(min(gradients))


def _usable(gradients: Sequence[float]) -> bool:
    return len(gradients) > 1 and all(math.isfinite(gradient) and gradient > 0 for gradient in gradients)
