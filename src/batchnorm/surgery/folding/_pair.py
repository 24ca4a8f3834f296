"""Which factor and shift per channel is a norm in evaluation?"""

import torch
from torch import Tensor, nn

from ...errors import RefusedError
from ...functional import scale_shift


def pair_of(module: nn.Module) -> tuple[Tensor, Tensor]:
    """Return scale and shift, each (C,), in float64.

        scale = weight / sqrt(running_var + eps);  shift = bias - running_mean * scale

    Example:
        >>> norm = nn.BatchNorm1d(1, eps=0.0)
        >>> norm.running_var.fill_(4.0)
        tensor([4.])
        >>> norm.running_mean.fill_(6.0)
        tensor([6.])
        >>> pair_of(norm)
        (tensor([0.5000], dtype=torch.float64), tensor([-3.], dtype=torch.float64))
    """
    mean, var, weight, bias = (_double(getattr(module, name, None)) for name in _NAMES)
    if mean is None or var is None:
        raise RefusedError(expected="a norm with running statistics", got=f"{type(module).__name__} without")
    return scale_shift(mean, var, weight, bias, float(getattr(module, "eps", 0.0)))


_NAMES = ("running_mean", "running_var", "weight", "bias")


def _double(tensor: object) -> Tensor | None:
    return tensor.detach().to(torch.float64) if isinstance(tensor, Tensor) else None
