"""What is new for a net that moves: other classes, other light, a new head?"""

import torch
from torch import nn

from ...data import Split, stratified_draw
from ...errors import InputError, RefusedError

BRIGHTNESS = 0.5
"""By what the pixels of darker images are multiplied."""


def halves(classes: int) -> tuple[range, range]:
    """Return the classes that a net comes from, and those that it moves to.

    Raises:
        RefusedError: fewer than four classes: a half would have a single one.

    Example:
        >>> halves(10)
        (range(0, 5), range(5, 10))
    """
    if classes < 4:
        raise RefusedError(
            argument="data", expected="at least 4 classes, to move from a half to the other", got=str(classes)
        )
    return range(classes // 2), range(classes // 2, classes)


def of_classes(split: Split, classes: range, count: int | None = None) -> Split:
    """Return the images of some classes, so many of them, drawn by class; None, or more than there are: all.

    Example:
        >>> split = Split(torch.zeros(40, 1, 2, 2, dtype=torch.uint8), torch.arange(40) % 4)
        >>> of_classes(split, range(2, 4), 10).labels.bincount()
        tensor([0, 0, 5, 5])
    """
    chosen = split.subset((split.labels >= classes.start) & (split.labels < classes.stop))
    if count is None or count >= len(chosen):
        return chosen
    return chosen.subset(stratified_draw(chosen.labels, count / len(chosen), seed=0))


def darker(split: Split, brightness: float = BRIGHTNESS) -> Split:
    """Return the same images with all pixels multiplied, and rounded.

    Example:
        >>> split = Split(torch.full((1, 1, 1, 2), 200, dtype=torch.uint8), torch.tensor([0]))
        >>> darker(split).images.flatten()
        tensor([100, 100], dtype=torch.uint8)
    """
    pixels = split.read(torch.arange(len(split)))
    return Split(pixels.mul(brightness).round().to(torch.uint8), split.labels)


@torch.no_grad()
def new_head(net: nn.Module, generator: torch.Generator) -> nn.Linear:
    """Draw the last linear layer of a net anew: weights and bias uniform in ±1 / sqrt(in_features), as torch does.

    Args:
        net: is changed in place.
        generator: of the draw, which is made on the CPU and so is the same for every device.

    Returns:
        That layer.

    Raises:
        InputError: the net has no linear layer.

    Example:
        >>> net = nn.Sequential(nn.Flatten(), nn.Linear(100, 10))
        >>> new_head(net, torch.Generator().manual_seed(0)).weight.abs().max() <= 0.1
        tensor(True)
    """
    linear = [module for module in net.modules() if isinstance(module, nn.Linear)]
    if not linear:
        raise InputError(argument="model", expected="a net that ends in a linear layer", got=type(net).__name__)
    head = linear[-1]
    bound = head.in_features**-0.5
    for tensor in head.parameters():
        drawn = torch.empty_like(tensor, device="cpu", requires_grad=False).uniform_(-bound, bound, generator=generator)
        tensor.copy_(drawn)
    return head


def train_only(net: nn.Module, head: nn.Module) -> None:
    """Keep every parameter but a head's from training: `requires_grad` is False, in place.

    Example:
        >>> net = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 1))
        >>> train_only(net, net[1])
        >>> [parameter.requires_grad for parameter in net.parameters()]
        [False, False, True, True]
    """
    net.requires_grad_(requires_grad=False)
    head.requires_grad_()
