"""In which order does a net call its layers, and which parameters belong to each of them?"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

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
    called: dict[nn.Module, None] = {}
    with transaction(net) as change, torch.no_grad():
        change.train()
        names = {module: name for name, module in change.module.named_modules()}
        for module in names:
            if isinstance(module, KINDS) or any(True for _ in module.parameters(recurse=False)):
                change.on_input(module, lambda module, _: called.update({module: None}))
        net(images)
    found: list[Layer] = []
    for module in called:
        own = tuple(module.parameters(recurse=False))
        if isinstance(module, KINDS):
            found.append(Layer(names[module], module, own))
        elif found:
            found[-1] = found[-1]._replace(parameters=found[-1].parameters + own)
    return found


@contextmanager
def layers_heard(net: nn.Module, hear: Callable[[nn.Module, Tensor], None]) -> Iterator[None]:
    """Tell `hear` of each call of a layer, and of its input, while the net runs in training mode inside the block.

    The net is afterwards as it was, whatever was done to it.

    Example:
        >>> net = nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 1)).eval()
        >>> with layers_heard(net, lambda layer, x: print(layer.in_features, x.shape[1])):
        ...     _ = net(torch.ones(4, 2))
        2 2
        3 3
        >>> net.training
        False
    """

    def told(module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        hear(module, args[0] if args else kwargs["input"])

    with transaction(net) as change:
        change.train()
        for module in change.module.modules():
            if isinstance(module, KINDS):
                change.on_input(module, told, with_kwargs=True)
        yield


def channel_axis(module: nn.Module) -> int:
    """Return along which axis the channels of a layer's or a norm's tensors lie: of a linear layer they are the last.

    Example:
        >>> channel_axis(nn.Linear(2, 3)), channel_axis(nn.Conv2d(1, 1, 3))
        (-1, 1)
    """
    return -1 if isinstance(module, nn.Linear) else 1
