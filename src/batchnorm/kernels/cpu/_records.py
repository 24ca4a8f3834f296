"""What do calls of the CPU's kernels take and give besides tensors?"""

from typing import NamedTuple

import torch
from torch import Tensor

Statistics = tuple[Tensor, Tensor]
"""The mean and the variance of each channel."""


class Running(NamedTuple):
    """The running statistics that a forward pass in training moves: in its own sweep, in the type of computing."""

    mean: Tensor
    var: Tensor
    momentum: float


class Outputs(NamedTuple):
    """What a forward pass gives: mean and var (C,) in float64, and the bits that the way back needs."""

    y: Tensor
    mean: Tensor
    var: Tensor
    masks: Tensor


class Gradients(NamedTuple):
    """What a backward pass gives; `dresidual` has no values where there was no residual."""

    dx: Tensor
    dweight: Tensor
    dbias: Tensor
    dresidual: Tensor


def number_type(x: Tensor) -> torch.dtype:
    """The type that x is computed in, which is that of weight, bias and their gradients."""
    return torch.float64 if x.dtype is torch.float64 else torch.float32
