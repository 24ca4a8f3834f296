"""How does a kernel compute an affine step by channel, with gradients? By scale and shift themselves, of no moments."""

from typing import Any

import torch
from torch import Tensor

from ..kernels import Affine, Behind, cpu
from ._activation import activate
from ._channels import widen
from ._operators import Optional, is_batched, is_plain
from ._steps import affine

Gradients = tuple[Optional, Optional, Optional]


class _AffineKernel(torch.autograd.Function):
    """The kernel past the dispatcher, as in `_plain`."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, scale: Optional, shift: Optional, activation: str) -> Tensor:
        ctx.save_for_backward(x, scale, shift)
        ctx.activation = activation
        ctx.set_materialize_grads(False)
        return _apply(x, scale, shift, activation)

    @staticmethod
    def backward(ctx: Any, dy: Optional) -> tuple[Any, ...]:
        if dy is None:
            return None, None, None, None
        saved = ctx.saved_tensors
        if torch.is_grad_enabled() or is_batched(dy) or not is_plain((dy, *saved)):
            with torch.enable_grad():
                return *_composed_gradients(dy, saved, ctx.activation), None
        return *_gradients(dy, saved, ctx.activation, ctx.needs_input_grad), None


def affine_by_kernel(x: Tensor, scale: Optional, shift: Optional, activation: str) -> Tensor:
    """Compute activate(x * scale + shift) (N, C, *) in one sweep, for a tensor that the CPU's kernels take."""
    if torch.is_grad_enabled() and any(t is not None and t.requires_grad for t in (x, scale, shift)):
        y: Tensor = _AffineKernel.apply(x, scale, shift, activation)  # type: ignore[no-untyped-call]  # torch's gap
        return y
    return _apply(x, scale, shift, activation)


def _apply(x: Tensor, scale: Optional, shift: Optional, activation: str) -> Tensor:
    return cpu.apply(x, _step(scale, shift), Behind(activation)).y


def _step(scale: Optional, shift: Optional) -> Affine:
    return Affine(None, *(None if values is None else values.reshape(-1) for values in (scale, shift)))


def _gradients(dy: Tensor, saved: tuple[Tensor, Optional, Optional], activation: str, asked: Any) -> Gradients:
    """The gradients of x, scale and shift by kernels: those that are asked for."""
    (x, scale, shift), behind = saved, Behind(activation)
    step = _step(scale, shift)
    dx = cpu.apply_back(dy, x, step, None, behind).dx if asked[0] else None
    if not (asked[1] or asked[2]):
        return dx, None, None
    sums = cpu.sums(dy, x, step, behind)
    return (
        dx,
        None if scale is None else sums.dy_x.to(scale.dtype).view(scale.shape),
        None if shift is None else sums.dy.to(shift.dtype).view(shift.shape),
    )


def _composed_gradients(dy: Tensor, saved: tuple[Tensor, Optional, Optional], activation: str) -> Gradients:
    """The same as functions of dy, x and scale that autograd knows."""
    # Under new names, of which nothing comes but y: see `composed_gradients`.
    x = saved[0].view_as(saved[0])
    scale, shift = (None if t is None else t.view_as(t) for t in saved[1:])
    y = activate(affine(widen(x), scale, shift), None if activation == "identity" else activation)
    leaves = [t for t in (x, scale, shift) if t is not None and t.requires_grad]
    found = iter(torch.autograd.grad(y, leaves, dy.to(y.dtype), create_graph=True)) if leaves else iter(())
    dx, dscale, dshift = (next(found) if t is not None and t.requires_grad else None for t in (x, scale, shift))
    return dx, dscale, dshift
