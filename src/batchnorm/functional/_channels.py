"""Where the channels are: axis 1, always; everything else is reduced over or broadcast to."""

import torch
from torch import Tensor

HALF_TYPES = (torch.bfloat16, torch.float16)


def reduced_dims(x: Tensor) -> tuple[int, ...]:
    """The axes of `x` that a statistic by channel is taken over: all but axis 1."""
    return (0, *range(2, x.dim()))


def per_channel(values: Tensor, x: Tensor) -> Tensor:
    """`values`, one for each channel, in a shape that broadcasts against `x`: (1, C, 1, ...)."""
    return values.reshape(1, x.shape[1], *(1,) * (x.dim() - 2))


def widen(values: Tensor) -> Tensor:
    """Half types as float32, for a sum in 8 or 11 bits is worth little; others as they are."""
    return values.float() if values.dtype in HALF_TYPES else values
