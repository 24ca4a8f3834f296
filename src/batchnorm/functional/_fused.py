"""The route `fused`: our kernels, which do batch norm and the steps that follow it in one go over memory."""

import torch
from torch import Tensor

from ..kernels import cpu, layout_of
from ._arguments import Arguments
from ._moments import Moments
from ._operators import fused_evaluation, fused_training
from ._plain import are_plain, plain
from ._running import update_running_stats
from ._sweeps import ByBatch, ByGiven, Steps
from ._unwatched import is_unwatched
from ._why_not import unknown_step, why_not


def fused(a: Arguments) -> Tensor:
    """All steps at once. A plain call's kernels move the running statistics, else the operator's moments do.

    Raises:
        RuntimeError: the kernels cannot take these arguments; the message names the condition.
    """
    check_kernels(a)
    return take_kernels(a)


def check_kernels(a: Arguments) -> None:
    """Refuse what the kernels cannot take.

    Raises:
        RuntimeError: the message names the condition.
    """
    reason = why_not(a)
    if reason is not None:
        raise RuntimeError(f"batch_norm: route='fused' {reason}. Take route='auto', which uses it where it can.")


def take_kernels(a: Arguments) -> Tensor:
    """`fused`, for arguments that the kernels are known to take."""
    return take_short(a) if is_short(a) else _take_operators(a)


def take_short(a: Arguments) -> Tensor:
    """`take_kernels` past the dispatcher, for a call of which `is_short` holds."""
    if not a.training and a.running_mean is not None and a.running_var is not None:
        return plain(a.x, steps_of(a), ByGiven(a.running_mean, a.running_var))
    return plain(a.x, steps_of(a), ByBatch(_running(a))) if _moved_by_kernel(a) else _take_operators(a)


def _take_operators(a: Arguments) -> Tensor:
    """The kernels as operators, and the running statistics moved by torch's."""
    steps = steps_of(a)
    if not a.training and a.running_mean is not None and a.running_var is not None:
        return fused_evaluation(a.x, a.running_mean, a.running_var, *steps)[0]
    y, mean, var, _ = fused_training(a.x, *steps)
    if a.running_mean is not None and a.running_var is not None:
        count = a.x.numel() // a.x.shape[1] if a.x.numel() else 0
        update_running_stats(a.running_mean, a.running_var, Moments(mean, var, count), a.momentum)
    return y


def takes_usual(a: Arguments) -> bool:
    """Whether the kernels take a usual call that nobody looks at, past the dispatcher: little is left to ask then."""
    x = a.x
    return (
        x.is_cpu
        and x.dtype in cpu.DTYPES
        and unknown_step(a) is None
        and x.layout is torch.strided
        and cpu.available()
        and layout_of(x) is not None
        and are_plain(x, a.running_mean, a.running_var, a.weight, a.bias, a.residual)
    )


def steps_of(a: Arguments) -> Steps:
    """What the kernels are told of a call besides its moments."""
    return Steps(a.weight, a.bias, a.residual, float(a.eps), a.activation or "identity", a.pool is not None)  # type: ignore[arg-type]  # why_not lets only names pass


def is_short(a: Arguments) -> bool:
    """Whether nobody looks at the operators that run, and the tensors are nothing but numbers in memory."""
    return is_unwatched() and are_plain(a.x, a.running_mean, a.running_var, a.weight, a.bias, a.residual)


def _moved_by_kernel(a: Arguments) -> bool:
    """Whether the kernel can move the running statistics itself, if there are any to move."""
    if isinstance(a.momentum, Tensor):
        return False
    kind = cpu.number_type(a.x)
    for values in (a.running_mean, a.running_var):
        if values is not None and (values.dtype is not kind or not values.is_contiguous()):
            return False
    return True


def _running(a: Arguments) -> cpu.Running | None:
    if a.running_mean is None or a.running_var is None or not a.momentum:  # 0 changes nothing, infinities included
        return None
    return cpu.Running(a.running_mean, a.running_var, float(a.momentum))
