"""From tensors to kernels and back: batch norm with the steps behind it, each way in one go."""

from torch import Tensor
from torch.autograd.graph import increment_version

from ._launch import Launch, bits
from ._plan import plan_of
from ._records import Gradients, Outputs, Running, Statistics
from ._rooms import as_handed_on, check_order, gradients_for, in_order, no_gradients, no_outputs, outputs_for
from .jit.slots import (
    DBIAS,
    DRESIDUAL,
    DWEIGHT,
    DX,
    DY,
    EPS,
    MASKS,
    MEAN,
    MOMENTUM,
    RESIDUAL,
    RUNNING_MEAN,
    RUNNING_VAR,
    TRAINING,
    VAR,
    Y,
)


def forward(
    x: Tensor,
    statistics: Statistics | None,
    weight: Tensor | None,
    bias: Tensor | None,
    eps: float,
    activation: str,
    residual: Tensor | None = None,
    running: Running | None = None,
    *,
    pool: bool = False,
    out: Outputs | None = None,
) -> Outputs:
    """Compute (y, mean, var, masks): batch norm, residual added if there is one, activated; pooled, behind ReLU.

    Args:
        x: (N, C, *), float32, float64 or bfloat16, contiguous or channels_last.
        statistics: the mean and the variance to normalize by; None takes the batch's.
        weight: (C,) or None.
        bias: (C,) or None.
        eps: added to the variance inside the square root.
        activation: one of `ACTIVATIONS`; "relu" beside a residual or a pool.
        residual: of the shape of x, or None.
        running: what the batch's statistics move on the way, or None.
        pool: whether y is (N, C, H // 2, W // 2), the largest of each window.
        out: where to write, instead of new memory; see `forward_slices`.

    Returns:
        `mean` and `var` (C,) are those that were used, in float64; `masks` are the bits that `backward` needs where
        there is a residual or a pool.
    """
    add = residual is not None
    if not x.numel():
        return no_outputs(x, statistics, activation, add=add, pool=pool)
    way = "forward" if statistics is None else "apply"
    plan = plan_of(x.shape, x.stride(), x.dtype, way, activation, add, pool)
    launch = Launch(plan, x)
    y, mean, var, masks = given = out or outputs_for(plan, x, statistics)
    if out:
        check_order(y, plan.y)
    values = launch.values
    values[Y], values[MASKS], values[EPS] = y.data_ptr(), masks.data_ptr(), bits(eps)
    values[MEAN], values[VAR] = mean.data_ptr(), var.data_ptr()
    launch.place_parameters(weight, bias)
    if residual is not None:
        residual = in_order(residual, plan.y, x.dtype)
        values[RESIDUAL] = residual.data_ptr()
    if running is not None:
        values[RUNNING_MEAN], values[RUNNING_VAR] = running.mean.data_ptr(), running.var.data_ptr()
        values[MOMENTUM] = bits(running.momentum)
        increment_version((running.mean, running.var))  # autograd is told that they have changed
    launch.run(y, parts=out is not None)
    return given if out or plan.y.form is None else given._replace(y=as_handed_on(y, plan.y))


def backward(
    dy: Tensor,
    x: Tensor,
    mean: Tensor,
    var: Tensor,
    weight: Tensor | None,
    bias: Tensor | None,
    masks: Tensor,
    eps: float,
    activation: str,
    add: bool,  # noqa: FBT001  # the operator's order
    training: bool,  # noqa: FBT001
    *,
    pool: bool = False,
    out: Gradients | None = None,
) -> Gradients:
    """Compute the gradients of `forward`, with the mean, var and masks that it gave; `out` as there."""
    if not x.numel():
        return no_gradients(x, add=add)
    plan = plan_of(x.shape, x.stride(), x.dtype, "backward", activation, add, pool)
    launch = Launch(plan, x)
    dx, dweight, dbias, dresidual = given = out or gradients_for(plan, x, add=add)
    if out:
        check_order(dx, plan.x)
    dy = in_order(dy, plan.y, x.dtype)
    values = launch.values
    values[DY], values[DX], values[MASKS] = dy.data_ptr(), dx.data_ptr(), masks.data_ptr()
    values[MEAN], values[VAR], values[EPS] = mean.data_ptr(), var.data_ptr(), bits(eps)
    values[DWEIGHT], values[DBIAS], values[TRAINING] = dweight.data_ptr(), dbias.data_ptr(), training
    launch.place_parameters(weight, bias)
    if add:
        values[DRESIDUAL] = dresidual.data_ptr()
    launch.run(dx, dresidual, parts=out is not None)
    if out or plan.x.form is None:
        return given
    dresidual = as_handed_on(dresidual, plan.x) if add else dresidual
    return given._replace(dx=as_handed_on(dx, plan.x), dresidual=dresidual)
