"""Torch's layer beside each of ours, those with a residual and a pool in its own words, and one way to call any."""

import torch
import torch.nn.functional as F
from torch import nn

import batchnorm.nn as bn


class TorchsAdd(nn.BatchNorm2d):
    def forward(self, x, residual):
        return F.relu(super().forward(x) + residual)


class TorchsPool(nn.BatchNorm2d):
    def forward(self, x):
        return F.max_pool2d(F.relu(super().forward(x)), 2)


PAIRS = {
    "1d (N, C)": (bn.BatchNorm1d, nn.BatchNorm1d, (6, 3)),
    "1d (N, C, L)": (bn.BatchNorm1d, nn.BatchNorm1d, (4, 3, 5)),
    "2d": (bn.BatchNorm2d, nn.BatchNorm2d, (4, 3, 4, 5)),
    "3d": (bn.BatchNorm3d, nn.BatchNorm3d, (3, 3, 2, 4, 3)),
    "add": (bn.BatchNormAdd2d, TorchsAdd, (4, 3, 4, 5)),
    "pool": (bn.BatchNormPool2d, TorchsPool, (4, 3, 4, 5)),
}


def pair(kind, *, ours=None, **options):
    our_class, torch_class, shape = PAIRS[kind]
    layer, reference = our_class(3, **options, **(ours or {})), torch_class(3, **options)
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.copy_(torch.randn(3, generator=generator))
    reference.load_state_dict(layer.state_dict())
    return layer, reference, shape


def feed(layer, x):
    """The layer's output for `x`, and for a residual that is made of `x`, so that gradients reach it twice."""
    if isinstance(layer, bn.BatchNormAdd2d | TorchsAdd):
        return layer(x, x.flip(0) * 0.5)
    return layer(x)


class Fed(nn.Module):
    """A layer as a module that takes one tensor."""

    def __init__(self, layer):
        super().__init__()
        self.layer = layer

    def forward(self, x):
        return feed(self.layer, x)
