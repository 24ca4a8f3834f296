"""Of which numbers are the moments that a norm stored?"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from ..functional import Moments, exact_moments

CLOSE = 1e-3
"""How far from exact, relative to itself, a movement of statistics may be: other moments are wholly others."""


@dataclass(frozen=True, slots=True)
class Movement:
    """Whose moments were stored: those of the norm's input along `axis`, or of what its operators were given."""

    axis: int | None = None
    by_operator: bool = False


@dataclass(frozen=True, slots=True)
class Heard:
    """The moments of what an operator inside a norm was given, and the norm's mean and variance before it ran."""

    moments: Moments
    before: tuple[Tensor, Tensor]


def first_tensor(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Tensor | None:
    """What a norm is given to normalize: its first argument."""
    first = args[0] if args else kwargs.get("input", next(iter(kwargs.values()), None))
    return first if isinstance(first, Tensor) else None


def is_transformed(x: Tensor) -> bool:
    """Whether a tensor is one of those that `torch.func.vmap` and the like hand out."""
    return bool(torch._C._functorch.is_functorch_wrapped_tensor(x))


def movement_of(x: Tensor, heard: Sequence[Heard], old: tuple[Tensor, Tensor], new: tuple[Tensor, Tensor]) -> Movement:
    """Find out whose moments moved the statistics.

        new = old + momentum * (moments - old), for one momentum, of the mean and of the variance

    Args:
        x: what the norm was given.
        heard: what the operators inside it were given, in their order: each has to have moved them in its turn.
        old: its mean and variance before.
        new: the same afterwards.
    """
    for axis, moments in _along_axes(x, len(old[0])):
        if _moved_by(moments, old, new):
            return Movement(axis)
    if not heard or len(heard[0].moments.mean) != len(old[0]):
        return Movement()
    after = [*(one.before for one in heard[1:]), new]
    steps = zip(heard, after, strict=True)
    return Movement(by_operator=all(_moved_by(one.moments, one.before, then) for one, then in steps))


def _along_axes(x: Tensor, channels: int) -> Iterator[tuple[int, Moments]]:
    if x.is_floating_point() and x.layout is torch.strided:
        for axis in axes_of(x, channels):
            yield axis, exact_moments(x.movedim(axis, 1))


def axes_of(x: Tensor, channels: int) -> Iterator[int]:
    """The axes that may be the channels', the usual one first."""
    return (axis for axis in (*range(1, x.dim()), 0) if x.dim() >= 2 and x.shape[axis] == channels)


def _moved_by(moments: Moments, old: tuple[Tensor, ...], new: tuple[Tensor, ...]) -> bool:
    start, moved = torch.cat([*old]).double(), torch.cat([*new]).double() - torch.cat([*old]).double()
    rounding = 8 * torch.finfo(new[0].dtype).eps * torch.cat([*new]).double().abs()
    mean, var, count = moments
    for correction in (count / max(1, count - 1), 1.0):
        way = torch.cat([mean, var * correction]).to(start.device) - start
        length = float(way.square().sum())
        momentum = float((way * moved).sum()) / length if length else 0.0
        apart = (moved - momentum * way).abs()
        if 0 < momentum <= 1 + CLOSE and bool((apart <= CLOSE * moved.abs().max() + rounding).all()):
            return True
    return False
