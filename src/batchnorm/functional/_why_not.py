"""Which condition of the kernels does a call fail? Said in words, for a route that is asked for by name."""

import torch
from torch import Tensor
from torch.autograd import forward_ad

from ..kernels import cpu, layout_of, sizes_are_symbolic
from ._arguments import Arguments
from ._transforms import inside_transform

ACTIVATIONS = ("relu", "relu6", "silu", "hardswish")
"""The activations that the kernels know."""


def why_not(a: Arguments) -> str | None:
    """Which condition of the kernels these arguments fail, as the rest of a sentence; None if none."""
    return unsuited_tensor(a.x) or _unknown_step(a) or unsuited_place() or unsuited_layout(a.x)


def unsuited_tensor(x: Tensor) -> str | None:
    """Whether x is where no kernel is, or of a dtype that none has."""
    if x.device.type != "cpu":
        return f"needs x on the CPU, got it on {x.device}"
    if x.dtype not in cpu.DTYPES:
        return f"needs x of float32, float64 or bfloat16, got {x.dtype}"
    return None


def _unknown_step(a: Arguments) -> str | None:
    if a.residual is not None or a.pool is not None:
        if a.activation != "relu":
            return f"knows a residual or a pool with the activation 'relu' alone, got {a.activation!r}"
        if a.pool not in (None, 2):
            return f"knows pools of kernel_size 2 alone, got {a.pool}"
    elif a.activation is not None and a.activation not in ACTIVATIONS:
        return f"knows the activations {', '.join(ACTIVATIONS)} and None, got {a.activation!r}"
    return None


def unsuited_place() -> str | None:
    """Whether the kernels are missing, or somebody is around the call whom they cannot serve."""
    missing = cpu.why_unavailable()
    if missing is not None:
        return f"needs {missing}"
    if torch.compiler.is_compiling():
        return None
    if inside_transform():
        return "cannot be used inside a torch.func transform"
    if forward_ad._current_level >= 0:
        return "has no forward-mode derivative"
    if torch.jit.is_tracing():  # type: ignore[attr-defined, no-untyped-call]  # torch's gap
        return "cannot be traced by torch.jit"
    return None


def unsuited_layout(x: Tensor) -> str | None:
    """Whether x lies in memory as no kernel reads it."""
    if sizes_are_symbolic(x):
        # A symbolic size must not be asked for a number: the two usual layouts are enough here.
        last = {4: torch.channels_last, 5: torch.channels_last_3d}.get(x.dim(), torch.contiguous_format)
        known = x.is_contiguous() or x.is_contiguous(memory_format=last)
    else:
        known = x.layout is torch.strided and layout_of(x) is not None
    return None if known else f"needs x contiguous or channels_last, got strides {tuple(x.stride())}"
