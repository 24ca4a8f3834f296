"""From tensors to kernels and back: batch norm, with an activation or with a residual and ReLU; and moments alone."""

from typing import NamedTuple

import torch
from torch import Tensor
from torch.autograd.graph import increment_version

from .._memory_format import output_format
from ._launch import Launch, bits, number_type
from ._layout import Columns, Rows, in_layout_of, layout_of, room_for

Statistics = tuple[Tensor, Tensor]
"""The mean and the variance of each channel."""


class Running(NamedTuple):
    """The running statistics that a forward pass in training moves: in its own sweep, in the type of computing."""

    mean: Tensor
    var: Tensor
    momentum: float


class Gradients(NamedTuple):
    """What a backward pass gives; `dresidual` has no values where there was no residual."""

    dx: Tensor
    dweight: Tensor
    dbias: Tensor
    dresidual: Tensor


def known_layout(x: Tensor) -> Rows | Columns:
    """The layout of x.

    Raises:
        RuntimeError: no kernel takes it.
    """
    layout = layout_of(x)
    if layout is None:
        raise RuntimeError(
            f"the CPU kernels take a dense tensor, contiguous or channels_last, got strides {x.stride()} "
            f"for shape {tuple(x.shape)}. Call .contiguous() first, or take route='native'."
        )
    return layout


def moments_into(x: Tensor, statistics: Statistics | None) -> Statistics:
    """Room for the moments of a batch, or a copy of the given ones as float64."""
    if statistics is None:
        make = torch.empty if x.numel() else torch.zeros  # no kernel runs for no values
        return make(x.shape[1], dtype=torch.float64), make(x.shape[1], dtype=torch.float64)
    mean, var = statistics
    return mean.contiguous().to(torch.float64, copy=True), var.contiguous().to(torch.float64, copy=True)


def parameter(values: Tensor | None, x: Tensor) -> Tensor | None:
    """Weight or bias as the kernels read it."""
    if values is None or (values.dtype is number_type(x) and values.is_contiguous()):
        return values
    return values.to(number_type(x)).contiguous()


def move(launch: Launch, running: Running | None) -> None:
    """Let the kernel that finds the moments move the running statistics; autograd is told that they have changed."""
    if running is not None:
        launch.place(running_mean=running.mean, running_var=running.var)
        launch.put(momentum=bits(running.momentum))
        increment_version((running.mean, running.var))


def moments(x: Tensor) -> Statistics:
    """Compute the mean and the biased variance (C,) of x (N, C, *) in float64, in one sweep."""
    layout, (mean, var) = known_layout(x), moments_into(x, None)
    if x.numel():
        launch = Launch(x, layout, 1.0, training=True)
        launch.place(x=x, mean=mean, var=var)
        if isinstance(layout, Rows):
            launch.run_rows(layout, "rows", "moments_alone")
        else:
            launch.run_merge(layout)
    return mean, var


def forward(
    x: Tensor,
    statistics: Statistics | None,
    weight: Tensor | None,
    bias: Tensor | None,
    eps: float,
    activation: str,
    residual: Tensor | None = None,
    running: Running | None = None,
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Compute (y, mean, var, masks): batch norm, residual added if there is one, activated.

    `statistics` are the mean and the variance to normalize by; None takes the batch's, and moves `running` by them.
    mean and var (C,) are those that were used, in float64; masks are the bits that `backward` needs where there is a
    residual.
    """
    layout, add = known_layout(x), residual is not None
    form = output_format(x, then=add or activation != "identity")
    y, (mean, var) = room_for(x, form), moments_into(x, statistics)
    masks = torch.empty(layout.mask_bytes if add else 0, dtype=torch.uint8)
    if x.numel() == 0:
        return y, mean, var, masks
    launch = Launch(x, layout, eps, training=statistics is None)
    launch.place(x=x, y=y, mean=mean, var=var, weight=parameter(weight, x), bias=parameter(bias, x))
    if residual is not None:
        launch.place(residual=in_layout_of(residual, y), masks=masks)
    move(launch, running)
    launch.stream(layout, y)
    if isinstance(layout, Rows):
        launch.run_rows(layout, "rows", "forward", activation, add)
    else:
        launch.find("columns", "forward", activation, add)  # before the statistics move
        launch.run_merge(layout)
        launch.run("columns", "forward", activation, add, units=layout.units)
    return y.contiguous(memory_format=form), mean, var, masks


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
) -> Gradients:
    """Compute the gradients of `forward`, with the mean, var and masks that it gave."""
    layout, gradients = known_layout(x), room_for_gradients(x, add=add)
    dx, dweight, dbias, dresidual = gradients
    if x.numel() == 0:
        return gradients
    launch = Launch(x, layout, eps, training=training)
    launch.place(x=x, dy=in_layout_of(dy, dx), dx=dx, mean=mean, var=var, dweight=dweight, dbias=dbias)
    launch.place(weight=parameter(weight, x), bias=parameter(bias, x))
    if add:
        launch.place(masks=masks, dresidual=dresidual)
    launch.stream(layout, dx, dresidual)
    if isinstance(layout, Rows):
        launch.run_rows(layout, "rows", "backward", activation, add)
    else:
        launch.put(training=False)  # the moments are known
        launch.run_merge(layout)
        launch.put(training=training)
        launch.run("columns_backward", "sum_gradients", activation, add, units=layout.units)
        launch.run("columns_backward", "merge", activation, add, units=layout.merge_units)
        launch.run("columns_backward", "differentiate", activation, add, units=layout.units)
    form = output_format(x)
    return gradients._replace(
        dx=dx.contiguous(memory_format=form), dresidual=dresidual.contiguous(memory_format=form) if add else dresidual
    )


def room_for_gradients(x: Tensor, *, add: bool) -> Gradients:
    """Memory for the gradients; those of weight and bias are 0 where there are no values, and so no kernel runs."""
    make = torch.empty if x.numel() else torch.zeros
    dweight, dbias = make(x.shape[1], dtype=number_type(x)), make(x.shape[1], dtype=number_type(x))
    form = output_format(x)
    return Gradients(room_for(x, form), dweight, dbias, room_for(x, form) if add else x.new_empty(0))
