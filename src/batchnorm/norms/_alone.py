"""Does a training step move the statistics of a norm that the model did not call? The norm is called by itself."""

from collections.abc import Iterator
from contextlib import suppress

import torch
from torch import Tensor

from ._find import Norm


def moves_alone(norm: Norm) -> bool | None:
    """Whether a norm, in the mode that it is in, stores something of what it is given; None if it takes nothing.

    Its forward is called without hooks, on random numbers, and moves the statistics: for the caller to put back.
    """
    module = next((module for module in norm.modules if module.training), norm.modules[0])
    before = norm.mean.clone(), norm.var.clone()
    for x in _inputs(norm):
        with suppress(Exception), torch.no_grad():  # whatever a norm may raise that takes other shapes, or a mask
            module.forward(x)
            return not all(map(torch.equal, before, norm.held_by(module)))
    return None


def _inputs(norm: Norm) -> Iterator[Tensor]:
    """Inputs of all the shapes that norms usually take: (N, C, *), with up to three positions, and (N, *, C)."""
    channels, source = len(norm.mean), torch.Generator().manual_seed(0)
    ahead = [(4, channels, *[3] * positions) for positions in range(4)]
    behind = [(4, *[3] * positions, channels) for positions in (1, 2)]
    weight = next((weight for weight in norm.modules[0].parameters() if weight.is_floating_point()), norm.mean)
    for dtype in dict.fromkeys((weight.dtype, norm.mean.dtype)):
        for shape in (*ahead, *behind):
            x = 3 + 2 * torch.randn(shape, generator=source, dtype=torch.float32)
            yield x.to(norm.mean.device, dtype)
