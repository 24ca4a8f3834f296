"""How is dropout given to a net that has none? Ahead of its last layer, behind all norms."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from ...errors import InputError

LAYERS = (nn.Linear, nn.modules.conv._ConvNd)


@contextmanager
def dropout_before_last_layer(net: nn.Module, p: float, generator: torch.Generator) -> Iterator[None]:
    """Inside the block, drop a share of what the net's last linear layer or convolution reads, in training alone.

        x * mask / (1 - p),  mask ~ Bernoulli(1 - p)

    Args:
        net: any that has such a layer; the last one is the last in the order of `net.modules()`.
        p: the share, 0 <= p < 1.
        generator: of the masks, on the CPU.

    Raises:
        InputError: it has none.

    Example:
        >>> net = nn.Sequential(nn.Linear(1, 2), nn.Linear(2, 1, bias=False))
        >>> x = torch.ones(400, 1)
        >>> with dropout_before_last_layer(net, 0.5, torch.Generator().manual_seed(0)):
        ...     varied, plain = net(x).unique().numel(), net.eval()(x).unique().numel()
        >>> varied, plain
        (4, 1)

    Source: Srivastava et al., "Dropout", 2014; behind all norms: Li et al., "Understanding the Disharmony between
    Dropout and Batch Normalization by Variance Shift", 2019, section 5.
    """
    found = [module for module in net.modules() if isinstance(module, LAYERS)]
    if not found:
        raise InputError(argument="net", expected="a net with a linear layer or a convolution", got="none in it")

    def drop(module: nn.Module, args: tuple[Any, ...]) -> tuple[Tensor, ...] | None:
        if not module.training:
            return None
        x, *others = args
        mask = (torch.rand(x.shape, generator=generator) >= p).to(x)
        return (x * mask / (1 - p), *others)

    handle = found[-1].register_forward_pre_hook(drop)
    try:
        yield
    finally:
        handle.remove()
