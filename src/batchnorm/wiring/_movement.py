"""Through which operators does a factor and a shift per channel pass unchanged?

Through those that only move elements, and through averages within a channel, whose weights sum to 1:

    move(x * scale + shift) = move(x) * scale + shift
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.utils._pytree import tree_leaves, tree_map

from ._events import Operation, Value, values_in
from ._marks import Marks, nobodys
from ._schema import arguments

_MOVES = {
    "aten.clone",
    "aten._to_copy",
    "aten.cat",
    "aten.stack",
    "aten.copy_",
    "aten.reflection_pad1d",
    "aten.reflection_pad2d",
    "aten.reflection_pad3d",
    "aten.replication_pad1d",
    "aten.replication_pad2d",
    "aten.replication_pad3d",
    "aten.upsample_nearest1d",
    "aten.upsample_nearest2d",
    "aten.upsample_nearest3d",
    "aten._upsample_nearest_exact1d",
    "aten._upsample_nearest_exact2d",
    "aten._upsample_nearest_exact3d",
    "aten.channel_shuffle",
    "aten.native_channel_shuffle",
    "aten.pixel_shuffle",
    "aten.pixel_unshuffle",
    "aten.flip",
    "aten.roll",
    "aten.repeat",
    "aten._reshape_copy",
    "aten.view_copy",
    "aten.permute_copy",
}
"""Every element of the result is an element of an argument."""

_LOOKS_AT_THE_SHAPE = {
    "aten.new_empty",
    "aten.new_empty_strided",
    "aten.new_zeros",
    "aten.new_ones",
    "aten.new_full",
    "aten.empty_like",
    "aten.zeros_like",
    "aten.ones_like",
    "aten.full_like",
    "aten.rand_like",
    "aten.randn_like",
}
"""No element is read."""

_POOLS = {
    "aten.avg_pool1d": 1,
    "aten.avg_pool2d": 2,
    "aten.avg_pool3d": 3,
    "aten._adaptive_avg_pool2d": 2,
    "aten._adaptive_avg_pool3d": 3,
    "aten.adaptive_avg_pool1d": 1,
    "aten.adaptive_avg_pool2d": 2,
    "aten.adaptive_avg_pool3d": 3,
    "aten.upsample_linear1d": 1,
    "aten.upsample_bilinear2d": 2,
    "aten.upsample_bicubic2d": 2,
    "aten.upsample_trilinear3d": 3,
    "aten._upsample_bilinear2d_aa": 2,
    "aten._upsample_bicubic2d_aa": 2,
}
"""Every element of the result is an average of elements along the last axes, so many of them."""


def pass_on(marks: Marks, operation: Operation) -> str | None:
    """Move the marks as an operator moved the elements, or say what follows "the output ..." instead."""
    if operation.name in _LOOKS_AT_THE_SHAPE:
        return None
    refusal = _refusal(marks, operation)
    if refusal is not None:
        return refusal
    if operation.name in _MOVES:
        return _move(marks, operation)
    if operation.name == "aten.mean":
        given = arguments(operation)
        dims, keep = given.get("dim"), bool(given.get("keepdim"))
        return _average(marks, operation, dims, keep=keep)
    count = _POOLS[operation.name]
    return _average(marks, operation, range(-count, 0), keep=True)


def short_name(operation: Operation) -> str:
    """How a user knows an operator: `add` for `aten.add`."""
    return operation.name.removeprefix("aten.")


def _refusal(marks: Marks, operation: Operation) -> str | None:
    name, short = operation.name, short_name(operation)
    if name not in _MOVES and name not in _POOLS and name != "aten.mean":
        return f"is read by {short}"
    touched = [value for value in operation.inputs if value.storage in marks]
    if any(value.dtype != marks.dtype for value in (*touched, *operation.outputs)):
        return f"is converted to another dtype by {short}"
    if values_in(operation.kwargs):
        return f"is written into another tensor by {short}"
    if name.startswith("aten.avg_pool"):
        given = arguments(operation)
        if given.get("divisor_override") is not None:
            return f"is averaged with a divisor of its own by {short}"
        if any(given.get("padding") or ()) and given.get("count_include_pad"):
            return f"is averaged with zeros (count_include_pad) by {short}"
    return None


def _move(marks: Marks, operation: Operation) -> str | None:
    """Let the operator itself move the marks."""
    kwargs = {key: value for key, value in operation.kwargs.items() if key not in _ABOUT_MEMORY}
    if any(not isinstance(leaf, _REPEATABLE) for leaf in tree_leaves((operation.args, kwargs))):
        return f"goes, with something that cannot be followed, into {short_name(operation)}"
    if operation.name == "aten.copy_":
        target, source = operation.args[0], operation.args[1]
        marks.put(target, _marks_of(marks, source).expand(target.shape))
        return None
    result = operation.func(*tree_map(lambda leaf: _argument(marks, leaf), operation.args), **kwargs)
    (value,) = operation.outputs
    marks.put(value, result)
    return None


_ABOUT_MEMORY = {"memory_format", "dtype", "layout", "device", "pin_memory", "non_blocking"}
_REPEATABLE = (Value, int, float, bool, str, type(None))


def _argument(marks: Marks, leaf: Any) -> Any:
    return _marks_of(marks, leaf) if isinstance(leaf, Value) else leaf


def _marks_of(marks: Marks, value: Value) -> Tensor:
    return marks.of(value) if value.storage in marks else nobodys(value.shape)


def _average(marks: Marks, operation: Operation, dims: Sequence[int] | None, *, keep: bool) -> str | None:
    (output,) = operation.outputs
    (source,) = (value for value in operation.inputs if value.dtype.is_floating_point)
    numbers = marks.of(source)
    axes = [*range(numbers.dim())] if dims is None else [*dims]
    low, high = numbers.amin(axes, keepdim=keep), numbers.amax(axes, keepdim=keep)
    if not torch.equal(low, high):
        return f"has its channels mixed by {short_name(operation)}"
    marks.put(output, low.expand(output.shape))
    return None
