"""In which memory format does torch's batch norm write its output? Whoever reshapes it relies on that.

It is no copy of the input's strides: channels_last where the input is, or is cut out of what is, and contiguous in all
other cases, with strides as of new memory. So (N, L, C) turned round to (N, C, L) comes out contiguous.
"""

from collections.abc import Iterable, Sequence
from functools import lru_cache

import torch
from torch import Tensor

LAST = {4: torch.channels_last, 5: torch.channels_last_3d}
"""The memory format whose innermost axis is the channels', by the number of axes."""


def output_format(x: Tensor, *, then: bool = False) -> torch.memory_format:
    """The memory format of a batch norm of `x` (N, C, *); `then`, of the elementwise step that follows.

    They differ in the strides of axes of one value alone: where the norm's output is in both formats, such a step takes
    it for contiguous.
    """
    last = LAST.get(x.dim())
    if last is None:
        return torch.contiguous_format
    if sizes_are_symbolic(x):
        # An unknown size must not be asked for a number: here the two usual layouts are enough.
        known = not x.is_contiguous() and x.is_contiguous(memory_format=last)
        return last if known else torch.contiguous_format
    return format_by(x.shape, x.stride(), then)[0]


def in_output_format(y: Tensor, x: Tensor, *, then: bool = False) -> Tensor:
    """`y`, of the shape of `x`, with the strides of a batch norm of `x` in torch; copied only if it has others."""
    if sizes_are_symbolic(x):
        form = output_format(x, then=then)
        return y if y.is_contiguous(memory_format=form) else y.contiguous(memory_format=form)
    form, strides = format_by(x.shape, x.stride(), then)
    if y.stride() == strides:
        return y
    if form is not torch.contiguous_format and torch._C._functorch.maybe_current_level() is not None:
        return y  # vmap can copy into contiguous memory alone
    return y.clone(memory_format=form)


def sizes_are_symbolic(x: Tensor) -> bool:
    """Whether sizes may be no numbers: while a compiler or a tracer looks on."""
    traced: bool = torch.jit.is_tracing()  # type: ignore[attr-defined, no-untyped-call]  # torch's gap
    if traced or torch.compiler.is_compiling():
        return True
    for size in x.shape:  # noqa: SIM110  # `any` takes three times as long, and every call asks
        if type(size) is not int:
            return True
    return False


@lru_cache(maxsize=1024)  # a net has few shapes, and every call asks
def format_by(
    shape: tuple[int, ...],
    stride: tuple[int, ...],
    then: bool,  # noqa: FBT001  # a key of the cache
) -> tuple[torch.memory_format, tuple[int, ...]]:
    """The memory format of the output, and its strides."""
    contiguous, last = strides_of(shape, torch.contiguous_format), _strides(shape, _inner_to_outer(shape))
    plainly = 0 in shape or fits(shape, stride, contiguous) or (then and fits(shape, last, contiguous))
    if len(shape) in LAST and not plainly and (fits(shape, stride, last) or _is_cut_out_of_last(shape, stride)):
        return LAST[len(shape)], last
    return torch.contiguous_format, contiguous


def strides_of(shape: Sequence[int], form: torch.memory_format) -> tuple[int, ...]:
    """The strides of new memory in a format."""
    plainly = form is torch.contiguous_format
    return _strides(shape, reversed(range(len(shape))) if plainly else _inner_to_outer(shape))


def _strides(shape: Sequence[int], axes: Iterable[int]) -> tuple[int, ...]:
    """The strides of new memory, its axes from the innermost outwards."""
    strides, step = [0] * len(shape), 1
    for axis in axes:
        strides[axis] = step
        step *= max(1, shape[axis])
    return tuple(strides)


def _inner_to_outer(shape: Sequence[int]) -> tuple[int, ...]:
    """The axes in the order of channels_last."""
    return (1, *reversed(range(2, len(shape))), 0)


def fits(shape: Sequence[int], stride: Sequence[int], wanted: Sequence[int]) -> bool:
    """Whether the strides are the wanted ones, where they mean anything: not on axes of one value."""
    return all(size == 1 or step == want for size, step, want in zip(shape, stride, wanted, strict=True))


def _is_cut_out_of_last(shape: Sequence[int], stride: Sequence[int]) -> bool:
    """Whether strides grow from the channels outwards, with gaps or without: what torch suggests channels_last for."""
    least = 0
    if stride[1] == 0:
        return False
    for axis in _inner_to_outer(shape):
        if stride[axis] < least or (axis == 0 and least == stride[1]):
            return False
        least = stride[axis] * shape[axis]
    return True
