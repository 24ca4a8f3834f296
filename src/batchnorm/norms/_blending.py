"""How does a norm of others normalize by a mixture of its statistics and the batch's? By another input.

Its buffers stay as they are, for others may read them at the same time: hooks, and threads that evaluate the model.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from ..functional import (
    HALF_TYPES,
    Blend,
    State,
    affine,
    batch_moments,
    has_tangent,
    inside_transform,
    standardize,
    widen,
)
from ..nn import nothing

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
        return nothing, ()


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


def is_too_coarse(norm: nn.Module, x: Tensor) -> bool:
    """Whether the other input would be rounded to a half type, no derivative is asked for, and a stand-in can be made.

    Such an input lies where the running statistics are, perhaps far from 0, and what is left of x_hat there is little.
    """
    held = {**norm._parameters, **norm._buffers}
    half = any(tensor is not None and tensor.dtype in HALF_TYPES for tensor in (x, *held.values()))
    if not half or torch.is_grad_enabled() or inside_transform() or has_tangent(x):
        return False
    # Not of one whose weight is computed from others, by pruning or a parametrization: that cannot be made wide.
    return all(getattr(norm, name, None) is held.get(name) for name in ("weight", "bias"))


def blended_anew(norm: Any, source: Blend, x: Tensor, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Tensor:
    """What the class of a norm computes of a stand-in, which holds the mixture, and everything in float32 or wider."""
    mixture = source.mixture(batch_moments(x), State(norm.running_mean, norm.running_var, None))
    stand_in = object.__new__(type(norm))
    stand_in.__dict__.update(norm.__dict__)
    tensors = {**norm._parameters, **norm._buffers}
    held = {name: None if one is None else widen(one) for name, one in tensors.items()}
    held.update(zip(("running_mean", "running_var"), mixture, strict=True))
    stand_in.__dict__["_parameters"] = {name: held[name] for name in norm._parameters}
    stand_in.__dict__["_buffers"] = {name: held[name] for name in norm._buffers}
    output: Tensor = type(norm).forward(stand_in, *args, **kwargs)
    return output
