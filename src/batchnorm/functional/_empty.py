"""What does a batch without values give? Itself, activated, as torch's function does; and no statistics move."""

from math import prod

import torch
from torch import Tensor

from ..kernels import sizes_are_symbolic
from ._arguments import Arguments, one_value
from ._finish import check_finish, finish


def is_empty(x: Tensor) -> bool:
    """Whether `x` is known to have no values."""
    if torch.jit.is_tracing():  # type: ignore[attr-defined, no-untyped-call]  # torch's gap
        return False  # a trace takes the size for a constant, and warns
    if not sizes_are_symbolic(x):
        return x.numel() == 0
    # A batch of unknown size must not be asked for a number, which would make the graph one for that size.
    from torch.fx.experimental.symbolic_shapes import statically_known_true

    return statically_known_true(x.numel() == 0)


def check_empty(a: Arguments) -> None:
    """Refuse what torch's function refuses of an `x` without values: little, for it looks at hardly anything.

    Neither the statistics nor the dtype matter, and of weight and bias the first value alone.
    """
    if a.training and a.x.dim() > 1 and a.x.shape[0] * prod(a.x.shape[2:]) == 1:
        raise one_value(a.x)
    for name, values in (("weight", a.weight), ("bias", a.bias)):
        if values is not None and (values.dim() == 0 or len(values) == 0):
            raise IndexError(
                f"batch_norm: {name} must have a value where x, of shape {tuple(a.x.shape)}, has none, got shape "
                f"{tuple(values.shape)}. Pass {name}=None (a layer: affine=False), or leave such batches out."
            )
    if a.residual is not None or a.pool is not None:
        check_finish(a.x, a.residual, a.pool)


def of_nothing(a: Arguments) -> Tensor:
    """The output for an `x` without values. All routes are this one: what there is to choose is arithmetic."""
    y = torch.batch_norm(a.x, a.weight, a.bias, None, None, a.training, 0.0, a.eps, torch.backends.cudnn.enabled)
    return finish(y, a.activation, a.residual, a.pool)
