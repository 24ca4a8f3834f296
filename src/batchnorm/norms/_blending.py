"""How does a norm of others normalize by a mixture of its statistics and the batch's? By another input."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from ..functional import Blend, State, affine, batch_moments, standardize

Given = tuple[tuple[Any, ...], dict[str, Any]]


def blend_of(norm: nn.Module) -> Blend | None:
    """The mixture that a norm goes by in evaluation, the innermost; None where it goes by its statistics."""
    held = norm.__dict__.get("_blend")
    return None if held is None else held.sources[-1]


@dataclass(frozen=True, slots=True)
class Lent:
    """What a norm has for a while, the innermost last, and a copy of it never has."""

    sources: tuple[Blend, ...]

    def __reduce__(self) -> tuple[Callable[[], None], tuple[()]]:
        return _nothing, ()


def _nothing() -> None:
    """What a copy has instead."""


def blended(norm: Any, source: Blend, x: Tensor, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Given:
    """What a norm is to be given so that, by its running statistics, it normalizes by the mixture; with its gradient.

    x_hat = (x - mean) * invstd of the mixture;  given = x_hat * sqrt(running_var + eps) + running_mean
    """
    mean, var = norm.running_mean, norm.running_var
    given = source.normalizer(batch_moments(x), State(mean, var, None), norm.eps)
    y = affine(standardize(x, *given), torch.sqrt(var + norm.eps), mean).to(x.dtype)
    if args:
        return (y, *args[1:]), kwargs
    name = next(name for name, value in kwargs.items() if value is x)
    return args, {**kwargs, name: y}
