"""Does a norm normalize what it is given by its statistics, whatever it makes of the result?"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from ._evidence import CLOSE, axes_of, first_tensor
from ._find import Norm


def normalized_axis(
    module: nn.Module, norm: Norm, args: tuple[Any, ...], kwargs: Mapping[str, Any], output: object
) -> int | None:
    """The axis of the channels, if the output depends on the input x only by what a norm makes of it, else None.

        (x - mean) / sqrt(var + eps)

    That is the same for x + d and mean + d, and for mean + s * (x - mean) and s**2 * (var + eps) - eps; and it is
    another for mean + d alone. So it is asked for whichever scale, shift or activation comes behind.

    Args:
        module: of the norm, in evaluation mode; its forward is called without hooks.
        norm: its statistics, which are as they were afterwards.
        args: what it was given.
        kwargs: by name.
        output: what it answered.
    """
    x = first_tensor(args, kwargs)
    if x is None or not isinstance(output, Tensor) or not x.is_floating_point() or x.layout is not torch.strided:
        return None
    return next(
        (axis for axis in axes_of(x, len(norm.mean)) if _is_axis(module, norm, args, kwargs, output, axis)), None
    )


def _is_axis(
    module: nn.Module, norm: Norm, args: tuple[Any, ...], kwargs: Mapping[str, Any], output: Tensor, axis: int
) -> bool:
    old = norm.mean.clone(), norm.var.clone()
    try:
        asked = [_is_close(answer, output, norm) for answer in _answers(module, norm, args, kwargs, axis)]
    except Exception:  # whatever a norm may raise that takes nothing else than it was given
        return False
    finally:
        norm.mean.copy_(old[0])
        norm.var.copy_(old[1])
    return asked == [True, True, False]


def _answers(
    module: nn.Module, norm: Norm, args: tuple[Any, ...], kwargs: Mapping[str, Any], axis: int
) -> Iterator[object]:
    """The outputs for a shift of input and mean, for a stretch of input and variance, and for a shift of the mean."""
    x = first_tensor(args, kwargs)
    assert x is not None  # noqa: S101  # the caller has asked
    mean, var = norm.mean.clone(), norm.var.clone()
    source = torch.Generator().manual_seed(0)
    draw = torch.rand(2, len(mean), generator=source, dtype=torch.float64).to(mean.device) + 0.5
    shift, stretch = (draw[0] * (var.double() + norm.eps).sqrt()).to(mean.dtype), draw[1].to(mean.dtype)
    column = [-1 if place == axis else 1 for place in range(x.dim())]

    def answer(change: Callable[[Tensor], Tensor], new_mean: Tensor, new_var: Tensor) -> object:
        norm.mean.copy_(new_mean)
        norm.var.copy_(new_var)
        return module.forward(
            *_with_first(args, change(x).to(x.dtype)), **_with_named(args, kwargs, change(x).to(x.dtype))
        )

    middle = mean.reshape(column)
    yield answer(lambda x: x + shift.reshape(column), mean + shift, var)
    yield answer(
        lambda x: middle + stretch.reshape(column) * (x - middle), mean, stretch.square() * (var + norm.eps) - norm.eps
    )
    yield answer(lambda x: x, mean + shift, var)


def _with_first(args: tuple[Any, ...], x: Tensor) -> tuple[Any, ...]:
    return (x, *args[1:]) if args else ()


def _with_named(args: tuple[Any, ...], kwargs: Mapping[str, Any], x: Tensor) -> dict[str, Any]:
    if args:
        return dict(kwargs)
    name = "input" if "input" in kwargs else next(iter(kwargs))
    return {**kwargs, name: x}


def _is_close(answer: object, output: Tensor, norm: Norm) -> bool:
    if not isinstance(answer, Tensor) or answer.shape != output.shape:
        return False
    one, other = answer.double(), output.double()
    rounding = max(torch.finfo(dtype).eps for dtype in (norm.mean.dtype, output.dtype))
    apart = float((one - other).abs().max()) if one.numel() else 0.0
    return apart <= max(CLOSE, 32 * rounding) * max(1.0, float(other.abs().max()) if one.numel() else 0.0)
