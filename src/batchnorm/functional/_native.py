"""The route `native`: torch's own operator, which is cuDNN's or torch's kernel on a GPU."""

import torch
from torch import Tensor

from ._arguments import Arguments
from ._finish import finish
from ._running import move_running_stats


def native(a: Arguments) -> Tensor:
    """One call of `torch.batch_norm`, then torch's operators for what follows."""
    if not a.training:
        y = _operator(a, a.running_mean, a.running_var, 0.0)
    elif isinstance(a.momentum, Tensor):
        y = _with_tensor_momentum(a)
    elif a.momentum == 0:
        # The operator would multiply the batch's moments by 0, and turn an infinity into NaN.
        y = _operator(a, None, None, 0.0)
    else:
        y = _operator(a, a.running_mean, a.running_var, a.momentum)
    return finish(y, a.activation, a.residual, a.pool)


def _operator(a: Arguments, running_mean: Tensor | None, running_var: Tensor | None, momentum: float) -> Tensor:
    cudnn = not a.x.is_cpu and torch.backends.cudnn.enabled
    statistics = (running_mean, running_var, a.training, momentum, a.eps)
    return torch.batch_norm(a.x, a.weight, a.bias, *statistics, cudnn)


def _with_tensor_momentum(a: Arguments) -> Tensor:
    """Let the operator write the batch's moments into scratch buffers, and go on from there.

    The operator takes its momentum as a number, and asking a tensor for its number would wait for
    the device and break a compiled graph. With momentum 1 it writes the moments as they are.
    """
    if a.running_mean is None or a.running_var is None:
        return _operator(a, None, None, 0.0)
    mean, var = torch.zeros_like(a.running_mean), torch.zeros_like(a.running_var)
    y = _operator(a, mean, var, 1.0)
    if a.x.numel():
        move_running_stats(a.running_mean, a.running_var, mean, var, a.momentum)
    return y
