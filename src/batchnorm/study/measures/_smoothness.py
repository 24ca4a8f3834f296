"""How predictable are a net's loss and gradient along the gradient?"""

import math
from collections.abc import Sequence
from typing import NamedTuple, Protocol

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ...transaction import transaction

MULTIPLES = (0.5, 1.0, 2.0, 4.0)
"""By what the rate of the training is multiplied: the steps along the gradient."""
RELATIVE = (0.003, 0.01, 0.03, 0.1)
"""By which part of its length each weight is moved along its gradient."""


class Smoothness(NamedTuple):
    """What is found along the gradient from where a net is.

    loss_range: largest less smallest loss over all steps.
    gradient_change: the largest change of the gradient over all steps.
    beta: the largest change of the gradient for the length of its step, over all steps.
    """

    loss_range: float
    gradient_change: float
    beta: float


Tensors = Sequence[Tensor]


def smoothness(net: nn.Module, images: Tensor, labels: Tensor, steps: Sequence[float]) -> Smoothness:
    """Return how the loss and its gradient change along the gradient, for steps of gradient descent.

        gradient_change = max over s of ||g(W - s g) - g||,   g = d loss / d W,  g(V) the same at V
        beta = max over s of ||g(W - s g) - g|| / (s ||g||)

    beta is the "effective beta-smoothness": were the gradient Lipschitz with a constant, beta would not exceed it. It
    depends on the scale of the weights: with norms behind all layers, weights of twice the size have a quarter of it.
    `relative_smoothness` does not. The batch and the random numbers are the same at all places, and the net, which runs
    in training mode, is afterwards as it was.

    Args:
        net: any net.
        images: the batch.
        labels: int64 of shape (N,).
        steps: learning rates s > 0.

    Returns:
        Numbers that are NaN or infinite where a loss is not finite.

    Example:
        >>> net = nn.Linear(1, 2, bias=False)
        >>> found = smoothness(net, torch.ones(3, 1), torch.tensor([0, 1, 0]), (0.1, 0.2))
        >>> found.loss_range > 0, found.beta < 0.5  # no curvature of cross entropy of two classes exceeds 1/2
        (True, True)

    Source:
        Santurkar, Tsipras, Ilyas and Madry, 2018, section 3.1 and figure 4, arXiv:1805.11604.
    """
    return _along(_Descent(), net, images, labels, steps)


def relative_smoothness(
    net: nn.Module, images: Tensor, labels: Tensor, steps: Sequence[float] = RELATIVE
) -> Smoothness:
    """Return how the loss and its gradient change if each weight moves by the same part of its own length.

        W_i(r) = W_i - r ||W_i|| g_i / ||g_i||,   for each weight i of two or more dimensions; all others stay
        gradient_change = max over r of c(r),     c(r) = sqrt(mean over i of (||g_i(W(r)) - g_i|| / ||g_i||)**2)
        beta = max over r of c(r) / r

    Neither number changes if weights behind which a norm follows are multiplied by a constant, each by its own.

    Args:
        net: any net.
        images: the batch.
        labels: int64 of shape (N,).
        steps: parts r > 0 of a weight's length.

    Returns:
        Numbers that are NaN or infinite where a loss is not finite. Weights without a gradient are left out.

    Example:
        >>> net = nn.Linear(1, 2, bias=False)
        >>> relative_smoothness(net, torch.ones(3, 1), torch.tensor([0, 1, 0]), (0.1,)).loss_range > 0
        True

    Source:
        The measure is this library's; directions of each weight's own scale: Li, Xu, Taylor, Studer and Goldstein,
        "Visualizing the loss landscape of neural nets", 2018, section 4, arXiv:1712.09913.
    """
    return _along(_Relative(), net, images, labels, steps)


class _Way(Protocol):
    """How far weights move along their gradients by a step, and by which measure gradients change."""

    def move(self, weights: Tensors, gradients: Tensors, step: float) -> None:
        """Move the weights in place."""

    def changed(self, weights: Tensors, gradients: Tensors, others: Tensors) -> float:
        """Return by how much the gradients have become others."""

    def length(self, gradients: Tensors, step: float) -> float:
        """Return how long the step was."""


class _Descent:
    def move(self, weights: Tensors, gradients: Tensors, step: float) -> None:
        for weight, gradient in zip(weights, gradients, strict=True):
            weight.add_(gradient, alpha=-step)

    def changed(self, weights: Tensors, gradients: Tensors, others: Tensors) -> float:
        del weights
        return _norm([other - gradient for gradient, other in zip(gradients, others, strict=True)])

    def length(self, gradients: Tensors, step: float) -> float:
        return step * _norm(gradients)


class _Relative:
    def move(self, weights: Tensors, gradients: Tensors, step: float) -> None:
        for weight, gradient in zip(weights, gradients, strict=True):
            if _is_moved(weight, gradient):
                weight.add_(gradient, alpha=-step * _norm([weight]) / _norm([gradient]))

    def changed(self, weights: Tensors, gradients: Tensors, others: Tensors) -> float:
        squares = [
            (_norm([other - gradient]) / _norm([gradient])) ** 2
            for weight, gradient, other in zip(weights, gradients, others, strict=True)
            if _is_moved(weight, gradient)
        ]
        return math.sqrt(sum(squares) / len(squares)) if squares else math.nan

    def length(self, gradients: Tensors, step: float) -> float:
        del gradients
        return step


def _is_moved(weight: Tensor, gradient: Tensor) -> bool:
    return weight.dim() > 1 and bool(gradient.any())


def _norm(tensors: Tensors) -> float:
    return math.sqrt(sum(float(tensor.double().square().sum()) for tensor in tensors))


def _along(way: _Way, net: nn.Module, images: Tensor, labels: Tensor, steps: Sequence[float]) -> Smoothness:
    weights = [parameter for parameter in net.parameters() if parameter.requires_grad]
    loss, gradients = _loss_and_gradients(net, weights, images, labels)
    losses, changes, betas = [loss], [], []
    for step in steps:
        with transaction(net), torch.no_grad():
            way.move(weights, gradients, step)
            other_loss, others = _loss_and_gradients(net, weights, images, labels)
        losses.append(other_loss)
        changes.append(way.changed(weights, gradients, others))
        betas.append(_quotient(changes[-1], way.length(gradients, step)))
    return Smoothness(_largest(losses) + _largest([-loss for loss in losses]), _largest(changes), _largest(betas))


def _loss_and_gradients(net: nn.Module, weights: Tensors, images: Tensor, labels: Tensor) -> tuple[float, Tensors]:
    with transaction(net) as change, torch.enable_grad():
        change.train()
        loss = F.cross_entropy(net(images), labels)
        gradients = torch.autograd.grad(loss, weights, allow_unused=True, materialize_grads=True)
    return loss.item(), gradients


def _quotient(dividend: float, divisor: float) -> float:
    return dividend / divisor if divisor > 0 else math.nan


def _largest(numbers: Sequence[float]) -> float:
    """Return the largest number; NaN if one of them is, wherever it stands."""
    return math.nan if any(math.isnan(number) for number in numbers) else max(numbers)
