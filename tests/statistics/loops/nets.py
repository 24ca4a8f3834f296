"""The nets of the loops: two norms, each behind a convolution, in one, two or three dimensions, of any library."""

from dataclasses import dataclass, field
from types import ModuleType

import torch
from torch import Tensor, nn

import batchnorm.nn

from .oracle import Written, norms

KINDS = [("torch", 1), ("torch", 2), ("torch", 3), ("ours", 1), ("ours", 2), ("ours", 3), ("relu", 2), ("timm", 2)]
"""Whose norms, and of how many dimensions; `relu` is ours with its activation, as timm's has it."""

CHANNELS = 3


@dataclass(frozen=True)
class Kind:
    """A norm's class and its dimensions, and the nets that are made of it."""

    name: str
    dims: int
    timm: ModuleType | None = field(default=None, compare=False)

    def norm(self, channels: int = CHANNELS, **options: object) -> list[nn.Module]:
        """A norm and its ReLU, or what does both and nothing; momentum is torch's default."""
        if self.name == "timm":
            return [self.timm.layers.BatchNormAct2d(channels, **options), nn.Identity()]
        if self.name == "relu":
            return [batchnorm.nn.BatchNorm2d(channels, activation="relu", **options), nn.Identity()]
        home = {"torch": nn, "ours": batchnorm.nn}[self.name]
        return [getattr(home, f"BatchNorm{self.dims}d")(channels, **options), nn.ReLU()]

    def classifier(self, **options: object) -> nn.Sequential:
        """For images (N, 2, *) of side 4; gives (N, 2)."""
        torch.manual_seed(0)
        return shaken(_classifier(self.dims, lambda: self.norm(**options)))

    def generator(self) -> nn.Sequential:
        """Noise (N, 2, *) to images of the same shape."""
        torch.manual_seed(1)
        return shaken(_generator(self.dims, self.norm))

    def images(self, batches: int, samples: int = 6, shift: float = 2.0, seed: int = 0) -> list[Tensor]:
        """Batches of images in float64, each with a mean of its own."""
        generator = torch.Generator().manual_seed(seed)
        shape = (samples, 2, *[4] * self.dims)
        return [
            shift * torch.randn(1, 2, *[1] * self.dims, generator=generator, dtype=torch.float64)
            + torch.randn(shape, generator=generator, dtype=torch.float64)
            for _ in range(batches)
        ]

    def labels(self, batches: int, samples: int = 6) -> list[Tensor]:
        generator = torch.Generator().manual_seed(7)
        return [torch.randint(2, (samples,), generator=generator) for _ in range(batches)]

    def batches(self, batches: int, samples: int = 6) -> list[tuple[Tensor, Tensor]]:
        return list(zip(self.images(batches, samples), self.labels(batches, samples), strict=True))

    def twin(self, model: nn.Sequential) -> nn.Sequential:
        """The same weights and statistics around norms that are written out."""
        make = _classifier if isinstance(model[-1], nn.Linear) else _generator
        twin = make(self.dims, lambda: [Written(CHANNELS), nn.ReLU()]).double()
        twin.load_state_dict(model.state_dict())
        return twin


def _classifier(dims: int, norm) -> nn.Sequential:
    conv = {1: nn.Conv1d, 2: nn.Conv2d, 3: nn.Conv3d}[dims]
    return nn.Sequential(
        conv(2, CHANNELS, 3, padding=1),
        *norm(),
        conv(CHANNELS, CHANNELS, 3, padding=1),
        *norm(),
        nn.Flatten(),
        nn.Linear(CHANNELS * 4**dims, 2),
    ).double()


def _generator(dims: int, norm) -> nn.Sequential:
    conv = {1: nn.Conv1d, 2: nn.Conv2d, 3: nn.Conv3d}[dims]
    return nn.Sequential(conv(2, CHANNELS, 1), *norm(), conv(CHANNELS, 2, 1)).double()


def shaken(model: nn.Module) -> nn.Module:
    """Give the norms statistics, counters and affine steps that no other norm has."""
    generator = torch.Generator().manual_seed(3)
    for number, norm in enumerate(norms(model)):
        with torch.no_grad():
            norm.running_mean.normal_(generator=generator)
            norm.running_var.uniform_(0.5, 2, generator=generator)
            norm.num_batches_tracked.fill_(5 + number)
            norm.weight.uniform_(0.5, 1.5, generator=generator)
            norm.bias.normal_(0, 0.3, generator=generator)
    return model
