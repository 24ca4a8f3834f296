"""The short way to the kernels, for a call whose operators nobody looks at.

It goes through an autograd function past the dispatcher, and the kernels move the running statistics on their way,
which no operator with a derivative may: that saves 0.1 to 0.2 ms, which a small net would feel in each of its layers.
"""

from typing import Any

import torch
from torch import Tensor

from ._second_derivative import composed_gradients
from ._sweeps import Saved, Steps, Sweeps
from ._unwatched import PLAIN

Optional = Tensor | None


class _Plain(torch.autograd.Function):
    """The kernels with their derivative; with a `setup_context` apply would inspect the signature at every call."""

    @staticmethod
    def forward(
        ctx: Any,
        x: Tensor,
        weight: Optional,
        bias: Optional,
        residual: Optional,
        sweeps: Sweeps,
        numbers: tuple[float, str, bool],
    ) -> Any:
        steps = Steps(weight, bias, residual, *numbers)
        y, mean, var, masks = sweeps.forward(x, steps)
        ctx.save_for_backward(x, mean, var, weight, bias, masks)
        ctx.sweeps, ctx.rules = sweeps, steps.rules
        ctx.set_materialize_grads(False)
        return y

    @staticmethod
    def backward(ctx: Any, dy: Optional) -> tuple[Any, ...]:
        return *gradients(ctx, dy), None, None


def plain(x: Tensor, steps: Steps, sweeps: Sweeps) -> Tensor:
    """The output, by a way over memory."""
    weight, bias, residual, *numbers = steps
    if not (torch.is_grad_enabled() and _is_differentiated(x, weight, bias, residual)):
        return sweeps.forward(x, steps).y
    y: Tensor = _Plain.apply(x, weight, bias, residual, sweeps, numbers)  # type: ignore[no-untyped-call]  # torch's gap
    return y


def _is_differentiated(*tensors: Optional) -> bool:
    for tensor in tensors:  # noqa: SIM110  # `any` takes three times as long, and every call asks
        if tensor is not None and tensor.requires_grad:
            return True
    return False


def gradients(ctx: Any, dy: Optional) -> tuple[Optional, Optional, Optional, Optional]:
    """The gradients of x, weight, bias and residual; None for what there is not."""
    if dy is None:
        return None, None, None, None
    saved, rules, sweeps = Saved(*ctx.saved_tensors), ctx.rules, ctx.sweeps
    if torch.is_grad_enabled():  # somebody will differentiate the gradients
        return composed_gradients(dy, saved, rules, sweeps)
    if is_batched(dy) or not are_plain(dy, *saved):
        with torch.enable_grad():
            return composed_gradients(dy, saved, rules, sweeps)
    return fitting(sweeps.backward(dy, saved, rules), saved, add=rules.add)


def fitting(
    found: tuple[Tensor, Tensor, Tensor, Tensor], saved: Saved, *, add: bool
) -> tuple[Optional, Optional, Optional, Optional]:
    """What a kernel has found, in the dtypes and shapes of the parameters; None for what there is not."""
    dx, dweight, dbias, dresidual = found
    return dx, _like(dweight, saved.weight), _like(dbias, saved.bias), dresidual if add else None


def _like(gradient: Tensor, values: Optional) -> Optional:
    return None if values is None else gradient.to(values.dtype).view(values.shape)


def are_plain(*tensors: Optional) -> bool:
    """Whether tensors are nothing but numbers in memory."""
    for tensor in tensors:  # noqa: SIM110  # see above
        if tensor is not None and (type(tensor) not in PLAIN or tensor.is_neg()):
            return False
    return True


def is_batched(tensor: Tensor) -> bool:
    """Whether it stands for many tensors, as a gradient does under `is_grads_batched`: a kernel finds no memory."""
    functorch = torch._C._functorch
    return functorch.is_batchedtensor(tensor) or functorch.is_legacy_batchedtensor(tensor)
