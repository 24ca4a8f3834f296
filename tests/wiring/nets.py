"""What do the tests watch? A model of named parts and a forward, all small."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from batchnorm.wiring import Followed, NormCall, Wiring, trace


class Net(nn.Module):
    """Modules and parameters by name, and a forward that is a function of the net and of its arguments."""

    def __init__(self, body: Callable[..., Any], **parts: nn.Module | nn.Parameter) -> None:
        super().__init__()
        self.body = body
        for name, part in parts.items():
            setattr(self, name, part)

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        return self.body(self, *args, **kwargs)


def net(body: Callable[..., Any], **parts: nn.Module | nn.Parameter) -> Net:
    """In evaluation mode."""
    return Net(body, **parts).eval()


def conv(channels: int = 4, inputs: int = 3) -> nn.Conv2d:
    return nn.Conv2d(inputs, channels, 1)


def images(samples: int = 2, channels: int = 3, size: int = 4) -> Tensor:
    return torch.randn(samples, channels, size, size, generator=torch.Generator().manual_seed(0))


def name_of(unit: Any) -> str:
    return unit.name if isinstance(unit, NormCall) else unit.where


def follow(body: Callable[..., Any], source: str = "conv", x: Tensor | None = None, **parts: nn.Module) -> Followed:
    """Where the output of one part went in the only pass, that of `conv` if no other is named."""
    parts.setdefault("conv", conv())
    wiring: Wiring = trace(net(body, **parts), images() if x is None else x)
    (seen,) = wiring.passes
    (found,) = (followed for followed in wiring.followed(seen) if name_of(followed.unit) == source)
    return found
