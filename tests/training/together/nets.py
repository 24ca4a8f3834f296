"""Nets that processes train together; each is made by the rank of whoever trains it."""

from functools import partial

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from batchnorm import convert
from batchnorm import nn as ours
from batchnorm.models import build


class Double(nn.Module):
    """A net that computes in float64."""

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net.double()

    def forward(self, images: Tensor) -> Tensor:
        return self.net(images.double())


def small(rank: int, norm: type[nn.Module] = ours.BatchNorm2d) -> nn.Module:
    torch.manual_seed(3)
    return nn.Sequential(
        nn.Conv2d(1, 4, 3, stride=3),
        norm(4),
        nn.ReLU(),
        nn.Conv2d(4, 8, 3, stride=2),
        norm(8),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(8, 10),
    )


def without_norm(rank: int) -> nn.Module:
    return small(rank, nn.Identity)


def double_without_norm(rank: int) -> nn.Module:
    return Double(without_norm(rank))


def double(rank: int) -> nn.Module:
    return Double(small(rank))


class Spoilt(nn.Module):
    """A net that gives NaN in one process, from a step on."""

    def __init__(self, net: nn.Module, after: int) -> None:
        super().__init__()
        self.net, self.left = net, after

    def forward(self, images: Tensor) -> Tensor:
        self.left -= self.training
        outputs = self.net(images)
        return outputs * float("nan") if self.left < 0 else outputs


def spoilt_in_one(rank: int) -> nn.Module:
    """The proof ahead of the training takes two calls of copies, so that the fourth step is the first to fail."""
    return Spoilt(small(rank), after=3 if rank == 1 else 1000)


def other_weights(rank: int) -> nn.Module:
    net = small(rank)
    with torch.no_grad():
        net[0].weight += rank
    return net


class PartlyUsed(nn.Module):
    """One layer is used by nobody, another only for bright images: by some processes, and in some steps."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(3)
        self.first, self.last = nn.Linear(784, 8), nn.Linear(8, 10)
        self.never, self.sometimes, self.seen = nn.Linear(8, 8), nn.Linear(8, 8), []

    def forward(self, images: Tensor) -> Tensor:
        hidden = self.first(images.double().flatten(1)).relu()
        bright = images.mean((1, 2, 3)) > 0.3
        if self.training:
            self.seen.append(bool(bright.any()))
        if bright.any():
            hidden = torch.where(bright[:, None], self.sometimes(hidden).relu(), hidden)
        return self.last(hidden)


def partly_used(rank: int) -> nn.Module:
    return PartlyUsed().double()


class Dropping(nn.Module):
    """A net with dropout that keeps which places it dropped."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(3)
        self.net = small(0)
        self.dropout, self.seen = nn.Dropout(0.5), []

    def forward(self, images: Tensor) -> Tensor:
        if self.training:
            self.seen.append(self.dropout(torch.ones(10)).tolist())
        return self.dropout(self.net(images))


def dropping(rank: int) -> nn.Module:
    return Dropping()


class Counting(nn.Module):
    """A net with a buffer that moves by what it sees, and is no norm's."""

    def __init__(self) -> None:
        super().__init__()
        self.net = small(0)
        self.register_buffer("brightest", torch.zeros(()))

    def forward(self, images: Tensor) -> Tensor:
        if self.training and len(images):
            self.brightest.copy_(torch.maximum(self.brightest, images.mean()))
        return self.net(images)


def counting(rank: int) -> nn.Module:
    return Counting()


def flat(rank: int) -> nn.Module:
    """A norm that sees one value per channel and image."""
    torch.manual_seed(3)
    return nn.Sequential(nn.Flatten(), nn.Linear(784, 8), ours.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 10))


class NotOfNothing(nn.Module):
    """A net whose view does not know how long an empty batch is."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(3)
        self.net = nn.Linear(784, 10)

    def forward(self, images: Tensor) -> Tensor:
        return self.net(images.reshape(len(images), -1))


def not_of_nothing(rank: int) -> nn.Module:
    return NotOfNothing()


class Keeping(nn.Module):
    """A net that keeps the moments of what its first norm normalized in training, and how often it ran."""

    def __init__(self) -> None:
        super().__init__()
        self.net, self.seen = small(0), []
        self.net[1].register_forward_pre_hook(self.keep)

    def keep(self, norm: nn.Module, given: tuple[Tensor]) -> None:
        if norm.training:
            self.seen.append(given[0].detach().double().transpose(0, 1).flatten(1))

    def forward(self, images: Tensor) -> Tensor:
        return self.net(images)


def keeping(rank: int) -> nn.Module:
    return Keeping()


def torchs(rank: int) -> nn.Module:
    return small(rank, nn.BatchNorm2d)


def double_torchs(rank: int) -> nn.Module:
    return Double(torchs(rank))


def double_flat(rank: int) -> nn.Module:
    return Double(flat(rank))


class Recomputing(nn.Module):
    """A net that computes a part of itself again in its backward."""

    def __init__(self, *, reentrant: bool) -> None:
        super().__init__()
        torch.manual_seed(3)
        self.first, self.middle, self.last = nn.Linear(784, 8), nn.Linear(8, 8), nn.Linear(8, 10)
        self.reentrant = reentrant

    def forward(self, images: Tensor) -> Tensor:
        hidden = self.first(images.double().flatten(1)).relu()
        return self.last(checkpoint(self.middle, hidden, use_reentrant=self.reentrant))


def recomputing(rank: int) -> nn.Module:
    return Recomputing(reentrant=False).double()


def recomputing_reentrantly(rank: int) -> nn.Module:
    return Recomputing(reentrant=True).double()


def with_torchs_synchronized(rank: int) -> nn.Module:
    return small(rank, nn.SyncBatchNorm)


def double_torchs_synchronized(rank: int) -> nn.Module:
    return Double(with_torchs_synchronized(rank))


def with_slices(rank: int) -> nn.Module:
    return small(rank, lambda channels: ours.BatchNorm2d(channels, moments="ghost:4"))


def failing_in_one(rank: int) -> nn.Module:
    return Failing(small(rank), rank)


class Failing(nn.Module):
    """A net that raises in the training of one process."""

    def __init__(self, net: nn.Module, rank: int) -> None:
        super().__init__()
        self.net, self.rank, self.calls = net, rank, 0

    def forward(self, images: Tensor) -> Tensor:
        self.calls += self.training
        if self.rank == 1 and self.calls > 3:
            raise ValueError("this net is tired")
        return self.net(images)


def after_a_conversion(rank: int) -> nn.Module:
    """Norms of torch that have been converted before."""
    net = torchs(rank)
    convert(net)
    return net


def conv(rank: int) -> nn.Module:
    torch.manual_seed(3)
    return build("ConvBNNet", num_classes=10, in_channels=1, image_size=28, width=8)


def double_conv(rank: int) -> nn.Module:
    return Double(conv(rank))


def nearly_conv(rank: int, seed: int) -> nn.Module:
    """That net, each weight of which is off by 1e-7 or so."""
    net, generator = conv(rank), torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.add_(1e-7 * torch.randn(parameter.shape, generator=generator))
    return net


nearly_conv_0, nearly_conv_1, nearly_conv_2 = (partial(nearly_conv, seed=seed) for seed in range(3))


class UsedByOne(nn.Module):
    """A net whose last layer one process leaves out; so large that gradients are averaged in several parts."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(3)
        self.first, self.norms = nn.Linear(784, 2600), nn.ModuleList([ours.BatchNorm1d(2600) for _ in range(2)])
        self.last, self.large, self.sometimes = nn.Linear(2600, 10), nn.Linear(2600, 2600), nn.Linear(2600, 2600)

    def forward(self, images: Tensor) -> Tensor:
        hidden = self.norms[0](self.large(self.first(images.flatten(1)))).relu()
        if dist.get_rank() == 0:
            hidden = self.sometimes(hidden).relu()
        return self.last(self.norms[1](hidden))


def used_by_one(rank: int) -> nn.Module:
    return UsedByOne()
