"""Small nets to be averaged, and how two of them are compared."""

import io

import torch
from torch import nn


def net(seed: int = 0) -> nn.Module:
    torch.manual_seed(seed)
    model = nn.Sequential(nn.Conv2d(1, 3, 3), nn.BatchNorm2d(3), nn.ReLU(), nn.Flatten(), nn.LazyLinear(2))
    model(seed + torch.randn(8, 1, 6, 6))
    return model


def nets(count: int = 3) -> list[nn.Module]:
    return [net(seed) for seed in range(count)]


def bits(model) -> bytes:
    held = io.BytesIO()
    torch.save(model.state_dict() if isinstance(model, nn.Module) else model, held)
    return held.getvalue()


def assert_same(one, other) -> None:
    one, other = (given.state_dict() if isinstance(given, nn.Module) else given for given in (one, other))
    assert [*one] == [*other]
    for name, tensor in one.items():
        assert torch.equal(tensor, other[name]), name
