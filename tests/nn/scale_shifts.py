"""Inputs and layers of the tests of ScaleShift."""

import torch
from torch import nn

from batchnorm.nn import ScaleShift

SCALE, SHIFT = torch.tensor([0.5, -1.25, 2.0]), torch.tensor([0.25, 1.0, -0.75])


def draw(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed)) * 2


X = draw(4, 3, 5, 6)


LAYERS = {
    "relu": lambda: ScaleShift(SCALE, SHIFT, activation="relu"),
    "scale": lambda: ScaleShift(SCALE, None),
    "module": lambda: ScaleShift(None, SHIFT, activation=nn.PReLU()),
    "function": lambda: ScaleShift(SCALE, SHIFT, activation=torch.square),
}
