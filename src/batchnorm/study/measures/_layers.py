"""In which order does a net call its layers, and which parameters belong to each of them?"""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from ...transaction import transaction

KINDS = (nn.Linear, nn.modules.conv._ConvNd)
"""What is a layer: the products. A norm belongs to the layer that it follows."""


class Layer(NamedTuple):
    """A convolution or linear layer, with its own parameters and those of the norm that follows it."""

    name: str
    module: nn.Module
    parameters: tuple[nn.Parameter, ...]


def layers_of(net: nn.Module, images: Tensor) -> list[Layer]:
    """Return the layers of a net in the order in which they are first called, seen in one forward in training mode.

    What holds parameters and is called between two layers, such as a norm, belongs to the first of the two; what is
    called before any layer belongs to none. The net is afterwards as it was.

    Args:
        net: any module.
        images: a batch that it takes.

    Example:
        >>> net = nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3), nn.ReLU(), nn.Linear(3, 1))
        >>> [(layer.name, len(layer.parameters)) for layer in layers_of(net, torch.randn(4, 2))]
        [('0', 4), ('3', 2)]
    """
    called: dict[nn.Module, str] = {}
    with transaction(net) as change, torch.no_grad():
        change.train()
        for name, module in change.module.named_modules():
            if isinstance(module, KINDS) or any(True for _ in module.parameters(recurse=False)):
                change.on_input(module, lambda module, _, name=name: called.setdefault(module, name) and None)
        net(images)
    found: list[Layer] = []
    for module, name in called.items():
        own = tuple(module.parameters(recurse=False))
        if isinstance(module, KINDS):
            found.append(Layer(name, module, own))
        elif found:
            found[-1] = found[-1]._replace(parameters=found[-1].parameters + own)
    return found
