"""Which condition of the kernels does a call fail? Said in words, for a route that is asked for by name."""

import torch
from torch import Tensor
from torch.autograd import forward_ad

from ..kernels import cpu
from ._activation import Activation
from ._arguments import Arguments
from ._transforms import inside_transform

ACTIVATIONS = ("relu", "relu6", "silu", "hardswish")
"""The activations that the kernels know."""


def why_not(a: Arguments) -> str | None:
    """Which condition of the CPU's kernels these arguments fail, as the rest of a sentence; None if none."""
    return unknown_step(a) or _unsuited_place() or cpu.why_not(a.x)


def unknown_step(a: Arguments) -> str | None:
    """Whether something behind the norm is none of the kernels'."""
    if a.residual is not None or a.pool is not None:
        if a.activation != "relu":
            return f"knows a residual or a pool with the activation 'relu' alone, got {a.activation!r}"
        if a.pool not in (None, 2):
            return f"knows pools of kernel_size 2 alone, got {a.pool}"
        return None
    return _unknown_activation(a.activation)


def _unknown_activation(activation: Activation) -> str | None:
    if activation is not None and activation not in ACTIVATIONS:
        return f"knows the activations {', '.join(ACTIVATIONS)} and None, got {activation!r}"
    return None


def why_not_affine(x: Tensor, activation: Activation) -> str | None:
    """`why_not` of a scale and a shift, and the activation behind them."""
    return _unknown_activation(activation) or _unsuited_place() or cpu.why_not(x)


def _unsuited_place() -> str | None:
    """Whether somebody is around the call whom an operator of ours cannot serve."""
    if torch.compiler.is_compiling():
        return None
    if inside_transform():
        return "cannot be used inside a torch.func transform"
    if forward_ad._current_level >= 0:
        return "has no forward-mode derivative"
    if torch.jit.is_tracing():  # type: ignore[attr-defined, no-untyped-call]  # torch's gap
        return "cannot be traced by torch.jit"
    return None
