"""Can a net that was made for images of three colours take grey ones?"""

import torch
from torch import nn

from ..errors import InputError


@torch.no_grad()
def take_grey(net: nn.Module, in_channels: int, name: str) -> None:
    """Let the first convolution of a net take images of one channel, in place.

    Its weights are summed over the three channels: of a grey image the net gives what it would give of the same image
    as red, green and blue.

    Args:
        net: takes three channels.
        in_channels: of the images.
        name: of the net, for messages.

    Raises:
        InputError: the images have another number of channels, or not exactly one convolution takes three.

    Example:
        >>> net = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU())
        >>> x = torch.randn(2, 1, 5, 5)
        >>> expected = net(x.expand(-1, 3, -1, -1))
        >>> take_grey(net, 1, "mine")
        >>> torch.allclose(net(x), expected, atol=1e-6)
        True
    """
    first = [module for module in net.modules() if isinstance(module, nn.Conv2d) and module.in_channels == 3]
    if in_channels != 1 or len(first) != 1 or first[0].groups != 1:
        raise InputError(
            argument="model",
            expected=f"images of 3 channels for {name}, or of 1, for which its first convolution is summed",
            got=f"images of {in_channels}",
            cure="Nets of timm take any number.",
        )
    (conv,) = first
    conv.weight = nn.Parameter(conv.weight.sum(1, keepdim=True))
    conv.in_channels = in_channels
