"""The route `composed`: the four steps written out. It is the definition, and the tests' oracle."""

from torch import Tensor

from ..kernels import in_output_format
from ._arguments import Arguments
from ._channels import widen
from ._finish import finish
from ._moments import Moments, batch_moments
from ._running import move_inside_transform, update_running_stats
from ._steps import affine, normalize
from ._transforms import inside_transform


def composed(a: Arguments) -> Tensor:
    """Moments, normalize, affine, finish; any device and dtype, differentiable twice and more."""
    mean, var = _statistics(a)
    y = in_output_format(affine(normalize(a.x, mean, var, a.eps), a.weight, a.bias), a.x)
    return finish(y, a.activation, a.residual, a.pool).to(a.x.dtype)


def _statistics(a: Arguments) -> tuple[Tensor, Tensor]:
    """Mean and variance to normalize by; in training the running ones are moved on the way."""
    if a.training or a.running_mean is None or a.running_var is None:
        moments = batch_moments(a.x)
        if a.running_mean is not None and a.running_var is not None:
            _move(a, a.running_mean, a.running_var, moments)
        return moments.mean, moments.var
    # Half buffers are widened: x_hat rounded to 8 bits would be worse than torch's operator.
    return widen(a.running_mean), widen(a.running_var)


def _move(a: Arguments, running_mean: Tensor, running_var: Tensor, moments: Moments) -> None:
    if inside_transform() and not isinstance(a.momentum, Tensor):
        move_inside_transform(a.x, running_mean, running_var, a.momentum)
    else:
        update_running_stats(running_mean, running_var, moments, a.momentum)
