"""Where the channels are: axis 1, always; everything else is reduced over or broadcast to."""

import torch
from torch import Tensor

HALF_TYPES = (torch.bfloat16, torch.float16)


def reduced_dims(x: Tensor) -> tuple[int, ...]:
    """The axes of `x` that a statistic by channel is taken over: all but axis 1."""
    return (0, *range(2, x.dim()))


def per_channel(values: Tensor, x: Tensor, name: str) -> Tensor:
    """`values`, one for each channel, in a shape that broadcasts against `x`: (1, C, 1, ...).

    Raises:
        ValueError: `x` has no channels' axis, or not as many channels as the argument `name` has
            values.
    """
    if x.dim() < 2:
        raise ValueError(f"x: expected the shape (N, C, *), got {tuple(x.shape)}. Add the missing axes, e.g. x[None].")
    if sizes_are_known() and values.numel() != x.shape[1]:
        raise ValueError(
            f"{name}: expected {x.shape[1]} values, one per channel (axis 1) of x {tuple(x.shape)}, "
            f"got shape {tuple(values.shape)}. Bring x into the order (N, C, *), or take the {name} of "
            "these channels."
        )
    return values.reshape(1, x.shape[1], *(1,) * (x.dim() - 2))


def widen(values: Tensor) -> Tensor:
    """Half types as float32, for a sum in 8 or 11 bits is worth little; others as they are."""
    return values.float() if values.dtype in HALF_TYPES else values


def sizes_are_known() -> bool:
    """Whether sizes can be compared: torch.jit.trace takes the outcome for a constant, and warns."""
    return not torch.jit.is_tracing()  # type: ignore[attr-defined, no-untyped-call]  # torch's gap
