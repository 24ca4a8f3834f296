"""With which weights does a net begin?"""

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.conv import _ConvNd

from ...errors import InputError

Draw = Callable[..., Tensor]

SCHEMES: dict[str, Draw] = {
    "kaiming": partial(nn.init.kaiming_normal_, mode="fan_out", nonlinearity="relu"),
    "xavier": nn.init.xavier_normal_,
    "orthogonal": nn.init.orthogonal_,
    "normal": partial(nn.init.normal_, mean=0.0, std=0.01),
}
"""He's for ReLU, Glorot's, Saxe's, and the fixed standard deviation of 0.01 from before all of them."""


@torch.no_grad()
def initialize(net: nn.Module, scheme: str, scale: float, generator: torch.Generator) -> None:
    """Draw the weights of all convolutions and linear layers but the last anew, and multiply them: `scale * W`.

    The last layer keeps its weights, for no norm follows it: multiplied, it would change the loss of a net with norms,
    too. Biases stay.

    Args:
        net: is changed in place.
        scheme: a name of `SCHEMES`.
        scale: the factor.
        generator: of the draws, which are made on the CPU and so are the same for every device.

    Raises:
        InputError: an unknown scheme, or a net of fewer than two such layers.

    Example:
        >>> net = nn.Sequential(nn.Linear(400, 500), nn.ReLU(), nn.Linear(500, 10))
        >>> initialize(net, "normal", 100, torch.Generator().manual_seed(0))
        >>> round(net[0].weight.std().item(), 2)
        1.0

    Source: He et al., 2015, arXiv:1502.01852, section 2.2; Glorot and Bengio, 2010, section 4.2.1; Saxe, McClelland
    and Ganguli, 2014, arXiv:1312.6120; Krizhevsky, Sutskever and Hinton, 2012, section 5 (0.01).
    """
    if scheme not in SCHEMES:
        raise InputError(argument="scheme", expected=f"one of {', '.join(SCHEMES)}", got=repr(scheme))
    for layer in hidden_layers(net):
        drawn = SCHEMES[scheme](torch.empty_like(layer.weight, device="cpu"), generator=generator)
        layer.weight.copy_(scale * drawn)


def hidden_layers(net: nn.Module) -> list[Any]:
    """Return a net's convolutions and linear layers but the last, in the order of its modules.

    Raises:
        InputError: there are none.
    """
    layers = [module for module in net.modules() if isinstance(module, _ConvNd | nn.Linear)]
    if len(layers) < 2:
        got = f"{type(net).__name__} with {len(layers)}"
        raise InputError(argument="net", expected="at least two convolutions or linear layers", got=got)
    return layers[:-1]
