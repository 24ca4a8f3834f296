"""The route `fused`: our kernels, which do batch norm and the steps that follow it in one go over memory."""

import torch
from torch import Tensor
from torch.autograd import forward_ad

from ..kernels import cpu, sizes_are_symbolic
from ._arguments import Arguments
from ._moments import Moments
from ._operators import fused_evaluation, fused_training, is_plain
from ._plain import plain
from ._running import update_running_stats
from ._transforms import inside_transform

ACTIVATIONS = ("relu", "relu6", "silu", "hardswish")
"""The activations that the kernels know."""


def fused(a: Arguments) -> Tensor:
    """All steps at once. A plain call's kernels move the running statistics, else the operator's moments do.

    Raises:
        RuntimeError: the kernels cannot take these arguments; the message names the condition.
    """
    reason = why_not(a)
    if reason is not None:
        raise RuntimeError(f"batch_norm: route='fused' {reason}. Take route='auto', which uses it where it can.")
    rules = (a.weight, a.bias, a.residual, float(a.eps), a.activation or "identity", a.pool is not None)
    unwatched = is_plain((a.x, a.running_mean, a.running_var, *rules[:3]))
    if not a.training and a.running_mean is not None and a.running_var is not None:
        if unwatched:
            return plain(a.x, (a.running_mean, a.running_var), None, *rules)
        return fused_evaluation(a.x, a.running_mean, a.running_var, *rules)[0]
    if unwatched and moved_by_kernel(a):
        return plain(a.x, None, _running(a), *rules)
    y, mean, var, _ = fused_training(a.x, *rules)
    if a.running_mean is not None and a.running_var is not None:
        count = a.x.numel() // a.x.shape[1] if a.x.numel() else 0
        update_running_stats(a.running_mean, a.running_var, Moments(mean, var, count), a.momentum)
    return y


def moved_by_kernel(a: Arguments) -> bool:
    """Whether the kernel can move the running statistics itself, if there are any to move."""
    kind = cpu.number_type(a.x)
    return not isinstance(a.momentum, Tensor) and all(
        values is None or (values.dtype is kind and values.is_contiguous())
        for values in (a.running_mean, a.running_var)
    )


def _running(a: Arguments) -> cpu.Running | None:
    if a.running_mean is None or a.running_var is None or not a.momentum:  # 0 changes nothing, infinities included
        return None
    return cpu.Running(a.running_mean, a.running_var, float(a.momentum))


FEWEST_ROWS, FEWEST_COLUMNS, FEWEST_EVALUATED = 1 << 18, 1 << 19, 1 << 20
"""The fewest values for which the kernels are faster than torch's operators: in training by layout, in evaluation.

Measured: benchmarks/results/bench.md. Below them the calls cost more than the memory."""


def pays(a: Arguments) -> bool:
    """Whether the kernels are faster than torch's operators for an x of this size and layout."""
    if torch.jit.is_tracing():  # type: ignore[attr-defined, no-untyped-call]  # torch's gap
        return False  # a trace takes the size for a constant, and warns
    rows = a.x.dim() > 2 and a.x.is_contiguous()
    fewest = FEWEST_EVALUATED if not a.training else FEWEST_ROWS if rows else FEWEST_COLUMNS
    if not sizes_are_symbolic(a.x):
        return a.x.numel() >= fewest
    # A batch of unknown size must not be asked for a number, which would make the graph one for that size.
    from torch.fx.experimental.symbolic_shapes import statically_known_true

    return statically_known_true(a.x.numel() >= fewest)


def why_not(a: Arguments) -> str | None:
    """Which condition of the kernels these arguments fail, as the rest of a sentence; None if none."""
    return _unknown_step(a) or _unsuited_place() or cpu.why_not(a.x)


def _unknown_step(a: Arguments) -> str | None:
    if a.residual is not None or a.pool is not None:
        if a.activation != "relu":
            return f"knows a residual or a pool with the activation 'relu' alone, got {a.activation!r}"
        if a.pool not in (None, 2):
            return f"knows pools of kernel_size 2 alone, got {a.pool}"
    elif a.activation is not None and a.activation not in ACTIVATIONS:
        return f"knows the activations {', '.join(ACTIVATIONS)} and None, got {a.activation!r}"
    return None


def _unsuited_place() -> str | None:
    if torch.compiler.is_compiling():
        return None
    if inside_transform():
        return "cannot be used inside a torch.func transform"
    if forward_ad._current_level >= 0:
        return "has no forward-mode derivative"
    if torch.jit.is_tracing():  # type: ignore[attr-defined, no-untyped-call]  # torch's gap
        return "cannot be traced by torch.jit"
    return None
