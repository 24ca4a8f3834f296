"""Does a norm normalize what it is given by its statistics, whatever it makes of the result?"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from ._evidence import CLOSE, axes_of
from ._find import Norm


@dataclass(frozen=True, slots=True)
class Answered:
    """One call of a norm in evaluation mode: the module, the tensor and the rest that it was given, and its output."""

    module: nn.Module
    x: Tensor
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    output: object

    def again(self, x: Tensor) -> object:
        """What it answers to another tensor; no hooks are called."""
        if self.args:
            return self.module.forward(x, *self.args[1:], **self.kwargs)
        return self.module.forward(**{name: x if given is self.x else given for name, given in self.kwargs.items()})


def normalized_axis(norm: Norm, call: Answered) -> int | None:
    """The axis of the channels, if the output depends on x only by what a norm makes of it, else None.

        (x - mean) / sqrt(var + eps)

    That is the same for x + d and mean + d, and for mean + s * (x - mean) and s**2 * (var + eps) - eps; and it is
    another for mean + d alone. So scale, shift and activation behind it, and their names, do not matter.
    """
    x = call.x
    if not isinstance(call.output, Tensor) or not x.is_floating_point() or x.layout is not torch.strided:
        return None
    return next((axis for axis in axes_of(x, len(norm.mean)) if _is_axis(norm, call, axis)), None)


def _is_axis(norm: Norm, call: Answered, axis: int) -> bool:
    old = norm.mean.clone(), norm.var.clone()
    try:
        return [_is_close(call, answer, norm) for answer in _answers(norm, call, axis)] == [True, True, False]
    except Exception:  # whatever a norm may raise that takes nothing else than it was given
        return False
    finally:
        norm.mean.copy_(old[0])
        norm.var.copy_(old[1])


def _answers(norm: Norm, call: Answered, axis: int) -> Iterator[object]:
    """To a shift of x and the mean, to a stretch of x and the variance, and to a shift of the mean alone."""
    x, mean, var = call.x, norm.mean.clone(), norm.var.clone()
    draws = torch.rand(2, len(mean), generator=torch.Generator().manual_seed(0)).to(mean) + 0.5
    shift, stretch = draws[0] * (var + norm.eps).sqrt(), draws[1]
    column = [-1 if place == axis else 1 for place in range(x.dim())]
    middle = mean.reshape(column)
    norm.mean.add_(shift)
    yield call.again((x + shift.reshape(column)).to(x.dtype))
    norm.mean.copy_(mean)
    norm.var.copy_(stretch.square() * (var + norm.eps) - norm.eps)
    yield call.again((middle + stretch.reshape(column) * (x - middle)).to(x.dtype))
    norm.mean.add_(shift)
    norm.var.copy_(var)
    yield call.again(x)


def _is_close(call: Answered, answer: object, norm: Norm) -> bool:
    output = call.output
    if not isinstance(answer, Tensor) or not isinstance(output, Tensor) or answer.shape != output.shape:
        return False
    if not output.numel():
        return True
    rounding = 32 * max(torch.finfo(dtype).eps for dtype in (norm.mean.dtype, call.x.dtype))
    apart, size = (answer.double() - output.double()).abs().max(), output.double().abs().max()
    return float(apart) <= max(CLOSE, rounding) * max(1.0, float(size))
