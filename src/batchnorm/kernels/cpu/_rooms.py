"""Where do kernels write? Into new memory in the order in which they read x, or into what a caller has made of it."""

import torch
from torch import Tensor

from .._layout import pooled_like
from .._masks import pool_mask_bytes
from .._memory_format import fits, output_format
from ._plan import Plan, Room, known_layout
from ._records import Gradients, Outputs, Statistics, number_type


def new(room: Room, dtype: torch.dtype) -> Tensor:
    """New memory of that kind."""
    return torch.empty_strided(room.shape, room.strides, dtype=dtype)


def outputs_for(plan: Plan, x: Tensor, statistics: Statistics | None) -> Outputs:
    """Memory for what a forward pass gives; given statistics are copied into it."""
    (shape, strides, _), channels = plan.y, plan.layout.c
    y, masks = torch.empty_strided(shape, strides, dtype=x.dtype), torch.empty(plan.masks, dtype=torch.uint8)
    if statistics is not None:
        return Outputs(y, *statistics_for(x, statistics), masks)
    return Outputs(y, torch.empty(channels, dtype=torch.float64), torch.empty(channels, dtype=torch.float64), masks)


def statistics_for(x: Tensor, statistics: Statistics | None) -> Statistics:
    """Memory for the moments of a batch, or a copy of the given ones as float64."""
    if statistics is None:
        make = torch.empty if x.numel() else torch.zeros  # no kernel runs for no values
        return make(x.shape[1], dtype=torch.float64), make(x.shape[1], dtype=torch.float64)
    mean, var = statistics
    return mean.contiguous().to(torch.float64, copy=True), var.contiguous().to(torch.float64, copy=True)


def gradients_for(plan: Plan, x: Tensor, *, add: bool) -> Gradients:
    """Memory for what a backward pass gives."""
    (shape, strides, _), channels, dtype = plan.x, x.shape[1], x.dtype
    dx = torch.empty_strided(shape, strides, dtype=dtype)
    dweight, dbias = torch.empty(channels, dtype=plan.number), torch.empty(channels, dtype=plan.number)
    dresidual = torch.empty_strided(shape, strides, dtype=dtype) if add else torch.empty(0, dtype=dtype)
    return Gradients(dx, dweight, dbias, dresidual)


def no_outputs(
    x: Tensor, statistics: Statistics | None, activation: str, *, add: bool = False, pool: bool = False
) -> Outputs:
    """What a forward pass of no values gives."""
    known_layout(x.shape, x.stride())
    form = output_format(x, then=add or activation != "identity")
    y = pooled_like(x) if pool else torch.empty_like(x, memory_format=form)
    masks = torch.empty(pool_mask_bytes(x) if pool else 0, dtype=torch.uint8)
    return Outputs(y, *statistics_for(x, statistics), masks)


def no_gradients(x: Tensor, *, add: bool) -> Gradients:
    """What a backward pass of no values gives: weight and bias have gradients of 0."""
    dx = torch.empty_like(x, memory_format=output_format(x))
    dweight, dbias = (torch.zeros(x.shape[1], dtype=number_type(x)) for _ in range(2))
    return Gradients(dx, dweight, dbias, torch.empty_like(dx) if add else x.new_empty(0))


def in_order(tensor: Tensor, room: Room, dtype: torch.dtype) -> Tensor:
    """A tensor that a kernel reads beside x, in the order of x; copied if it has another one.

    Raises:
        ValueError: it has another shape, behind whose end a kernel would read.
    """
    if tensor.shape != room.shape:
        raise ValueError(
            f"expected a tensor of shape {room.shape} beside x, got {tuple(tensor.shape)}. Take that of x."
        )
    if tensor.dtype is dtype and (tensor.stride() == room.strides or is_in_order(tensor, room)):
        return tensor
    return torch.empty_strided(room.shape, room.strides, dtype=dtype).copy_(tensor)


def is_in_order(tensor: Tensor, room: Room) -> bool:
    """Whether a tensor's values lie as the room says; strides of axes of one value mean nothing."""
    return fits(room.shape, tensor.stride(), room.strides)


def check_order(tensor: Tensor, room: Room) -> None:
    """Refuse a tensor that a kernel would not write in the order in which it lies.

    Raises:
        ValueError: it has another shape, or other strides.
    """
    if tuple(tensor.shape) != room.shape or not is_in_order(tensor, room):
        raise ValueError(
            f"out: expected shape {room.shape} with strides {room.strides}, the order in which the kernel reads x, got "
            f"{tuple(tensor.shape)} with {tensor.stride()}. Cut it out of what forward or backward gave for all of x."
        )


def as_handed_on(tensor: Tensor, room: Room) -> Tensor:
    """What a kernel has written, in the memory format that torch's batch norm would have given it."""
    return tensor if room.form is None else tensor.contiguous(memory_format=room.form)
