"""Layers in the order of their calls, whatever the order in which a net defines them."""

import torch
from torch import Tensor, nn

from batchnorm.study.measures._layers import layers_of


class Backwards(nn.Module):
    """Its second layer is defined first, and a weight of its own is read before any layer is called."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(1))
        self.second = nn.Linear(3, 1)
        self.norm = nn.BatchNorm1d(3)
        self.first = nn.Linear(2, 3)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.second(self.norm(self.first(self.scale * x)))
        return out


def test_layers_follow_each_other_as_they_are_called_each_with_its_norm() -> None:
    found = layers_of(Backwards(), torch.randn(4, 2))
    assert [(layer.name, len(layer.parameters)) for layer in found] == [("first", 4), ("second", 2)]


def test_a_net_may_be_one_layer() -> None:
    assert [layer.name for layer in layers_of(nn.Linear(2, 3), torch.randn(4, 2))] == [""]


def test_a_layer_that_is_called_twice_is_one_layer() -> None:
    twice = nn.Linear(2, 2)
    assert len(layers_of(nn.Sequential(twice, nn.ReLU(), twice), torch.randn(4, 2))) == 1
