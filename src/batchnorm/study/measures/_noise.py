"""What if somebody shakes what a net's norms have just made steady?"""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import torch
from torch import Tensor, nn

from ...norms import is_norm
from ...transaction import attributes
from ._layers import KINDS, channel_axis

SHIFT = 0.5
STRETCH = 1.25
"""How unsteady: a channel's noise has a mean from -SHIFT to SHIFT, and its values are stretched by 1 to STRETCH."""


class Noise:
    """A forward hook that moves and stretches each channel by numbers drawn anew in each call in training mode.

        y[n, c] = x[n, c] * (stretch[c] + 0.1 * a[n, c]) + shift[c] + 0.1 * b[n, c]

    `stretch ~ U(1, STRETCH)` and `shift ~ U(-SHIFT, SHIFT)` belong to a channel for one call, so that its mean and its
    standard deviation jump from step to step; a and b, standard normal, are drawn for each image, too.

    Args:
        generator: of the random numbers, on the CPU.
        shift: as above.
        stretch: likewise.

    Example:
        >>> noise = Noise(torch.Generator().manual_seed(0))
        >>> x = torch.zeros(64, 3)
        >>> noise(nn.Identity(), (x,), x).shape, noise(nn.Identity().eval(), (x,), x) is x
        (torch.Size([64, 3]), True)

    Source:
        "Noisy" batch norm: Santurkar, Tsipras, Ilyas and Madry, 2018, section 2.1, arXiv:1805.11604.
    """

    def __init__(self, generator: torch.Generator, shift: float = SHIFT, stretch: float = STRETCH) -> None:
        self.generator = generator
        self.shift = shift
        self.stretch = stretch

    def __call__(self, module: nn.Module, _: tuple[Tensor, ...], output: Tensor) -> Tensor:
        """Return the output with noise in it; in evaluation mode as it is."""
        if not module.training:
            return output
        axis = channel_axis(module)
        channels = output.shape[axis]
        stretch = 1 + (self.stretch - 1) * self._uniform(channels)
        shift = self.shift * (2 * self._uniform(channels) - 1)
        own = torch.randn(2, len(output), channels, generator=self.generator) / 10
        shape = [len(output), *[1] * (output.dim() - 1)]
        shape[axis] = channels
        stretched, shifted = (part.to(output).view(shape) for part in (stretch + own[0], shift + own[1]))
        return torch.addcmul(shifted, output, stretched)

    def _uniform(self, channels: int) -> Tensor:
        return torch.rand(channels, generator=self.generator)


@contextmanager
def noise_behind_norms(net: nn.Module, generator: torch.Generator) -> Iterator[None]:
    """Let `Noise` act behind each batch norm inside the block; in a net without one, behind each layer but the last.

    A norm that activates, too, would be shaken behind its activation: use norms that do not.

    Example:
        >>> net = nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3))
        >>> x = torch.randn(512, 2)
        >>> with noise_behind_norms(net, torch.Generator().manual_seed(0)), torch.no_grad():
        ...     shaken = float(net(x).mean(0).abs().max())
        >>> shaken > 0.1, float(net(x).detach().mean(0).abs().max()) < 0.001
        (True, True)
    """
    noise = Noise(generator)
    places = norm_places(net)
    with attributes() as change, ExitStack() as hooks:
        for place in places:
            # A transaction puts back the state of a generator that a module holds, not of one that only a hook holds.
            change.set(place, "noise_generator", generator)
            hooks.callback(place.register_forward_hook(noise).remove)
        yield


def norm_places(net: nn.Module) -> list[nn.Module]:
    """Return a net's batch norms; where it has none, its layers but the last, behind which they would stand.

    Example:
        >>> norm_places(nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU(), nn.Flatten(), nn.Linear(8, 2)))
        [Conv2d(1, 2, kernel_size=(3, 3), stride=(1, 1))]
    """
    modules = list(net.modules())
    norms = [module for module in modules if is_norm(module)]
    layers = [module for module in modules if isinstance(module, KINDS)]
    return norms if norms else [*layers[:-1]]
