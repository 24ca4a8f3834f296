"""The two halves of a norm as operators of torch: the moments of a batch, and numbers by channel applied to it.

A source of moments stands between them, where somebody looks at what runs; each half has a derivative of its own.
"""

# ruff: noqa: FBT001  # schemas want booleans by position
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from ..kernels import Affine, Behind, cpu, in_output_format, output_format
from ._channels import per_channel, widen
from ._operators import fake_output
from ._plain import is_batched
from ._second_derivative import differentiated, finished

Optional = Tensor | None


def _moments(x: Tensor) -> tuple[Tensor, Tensor]:
    return cpu.moments(x)


def _fake_moments(x: Tensor) -> tuple[Tensor, Tensor]:
    mean = x.new_empty(x.shape[1], dtype=torch.float64)
    return mean, torch.empty_like(mean)


def _save_moments(ctx: Any, inputs: Any, output: Any) -> None:
    ctx.save_for_backward(*inputs, output[0])
    ctx.set_materialize_grads(False)


def _moments_gradients(ctx: Any, dmean: Optional, dvar: Optional) -> Optional:
    x, mean = ctx.saved_tensors
    wide, count = widen(x), x.numel() // x.shape[1]
    dx = None if dmean is None else per_channel((dmean / count).to(wide.dtype), x, "mean")
    if dvar is not None:
        distance = wide - per_channel(mean.to(wide.dtype), x, "mean")
        of_var = distance * per_channel((dvar * (2 / count)).to(wide.dtype), x, "var")
        dx = of_var if dx is None else of_var + dx
    return None if dx is None else dx.to(x.dtype).expand_as(x)


def _apply(
    x: Tensor,
    center: Tensor,
    scale: Tensor,
    shift: Optional,
    residual: Optional,
    activation: str,
    pool: bool,
) -> tuple[Tensor, Tensor]:
    return cpu.apply(x, Affine(center, scale, shift), Behind(activation, residual is not None, pool), residual)


def _fake_apply(
    x: Tensor,
    center: Tensor,
    scale: Tensor,
    shift: Optional,
    residual: Optional,
    activation: str,
    pool: bool,
) -> tuple[Tensor, Tensor]:
    return fake_output(x, activation, add=residual is not None, pool=pool)


def _apply_back(
    dy: Tensor,
    x: Tensor,
    center: Tensor,
    scale: Tensor,
    shift: Optional,
    masks: Tensor,
    activation: str,
    add: bool,
    pool: bool,
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    affine, behind = Affine(center, scale, shift), Behind(activation, add, pool)
    bits = masks if add or pool else None
    sums = cpu.sums(dy, x, affine, behind, bits)
    dx, dresidual = cpu.apply_back(dy, x, affine, None, behind, bits)
    return dx, sums.dy, sums.dy_x, x.new_empty(0) if dresidual is None else dresidual


def _fake_apply_back(dy: Tensor, x: Tensor, *others: Any) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    *_, add, _ = others
    dx = torch.empty_like(x, memory_format=output_format(x))
    sums = x.new_empty(x.shape[1], dtype=torch.float64)
    return dx, sums, torch.empty_like(sums), torch.empty_like(dx) if add else x.new_empty(0)


def _save_apply(ctx: Any, inputs: Any, output: Any) -> None:
    x, center, scale, shift, residual, activation, pool = inputs
    ctx.mark_non_differentiable(output[1])
    ctx.save_for_backward(x, center, scale, shift, output[1])
    ctx.behind = Behind(activation, residual is not None, pool)
    ctx.set_materialize_grads(False)


def _apply_gradients(ctx: Any, dy: Optional, _: Any) -> tuple[Any, ...]:
    if dy is None:
        return (None,) * 7
    x, center, scale, shift, masks = ctx.saved_tensors
    if torch.is_grad_enabled() or is_batched(dy):
        with torch.enable_grad():
            return *_written_out(dy, x, center, scale, shift, masks, ctx.behind), None, None
    dx, sum_dy, sum_dy_x, dresidual = torch.ops.batchnorm.apply_back(dy, x, center, scale, shift, masks, *ctx.behind)
    dshift = None if shift is None else sum_dy.to(shift.dtype)
    dcenter = (-scale * sum_dy).to(center.dtype)
    return dx, dcenter, sum_dy_x.to(scale.dtype), dshift, dresidual if ctx.behind.add else None, None, None


def _written_out(
    dy: Tensor,
    x: Tensor,
    center: Tensor,
    scale: Tensor,
    shift: Optional,
    masks: Tensor,
    behind: Behind,
) -> tuple[Optional, ...]:
    """The gradients as functions that autograd knows: those of the steps by torch's operators."""
    # Under new names, as in `composed_gradients`.
    x, center, scale = x.view_as(x), center.view_as(center), scale.view_as(scale)
    given = (x, center, scale, None if shift is None else shift.view_as(shift))
    y, dresidual = finished(in_output_format(_applied(*given), x), dy, masks, behind)
    return *differentiated(y, given, dy), dresidual


def _applied(x: Tensor, center: Tensor, scale: Tensor, shift: Optional) -> Tensor:
    """(x - center) * scale + shift by operators of torch, in the type that x is computed in."""
    wide = widen(x)
    y = (wide - per_channel(center.to(wide.dtype), x, "mean")) * per_channel(scale.to(wide.dtype), x, "weight")
    return y if shift is None else y + per_channel(shift.to(wide.dtype), x, "bias")


def _register() -> None:
    library = torch.library
    numbers = "Tensor center, Tensor scale, Tensor? shift"
    library.define("batchnorm::moments", "(Tensor x) -> (Tensor mean, Tensor var)")
    library.define(
        "batchnorm::apply",
        f"(Tensor x, {numbers}, Tensor? residual, str activation, bool pool) -> (Tensor y, Tensor masks)",
    )
    library.define(
        "batchnorm::apply_back",
        f"(Tensor dy, Tensor x, {numbers}, Tensor masks, str activation, bool add, bool pool) -> "
        "(Tensor dx, Tensor sum_dy, Tensor sum_dy_x, Tensor dresidual)",
    )
    for name, kernel, fake in (
        ("moments", _moments, _fake_moments),
        ("apply", _apply, _fake_apply),
        ("apply_back", _apply_back, _fake_apply_back),
    ):
        library.impl(f"batchnorm::{name}", "cpu", kernel)
        library.register_fake(f"batchnorm::{name}", fake)
    library.register_autograd("batchnorm::moments", _moments_gradients, setup_context=_save_moments)
    library.register_autograd("batchnorm::apply", _apply_gradients, setup_context=_save_apply)


_register()
moments: Callable[[Tensor], tuple[Tensor, Tensor]] = torch.ops.batchnorm.moments
apply: Callable[..., tuple[Tensor, Tensor]] = torch.ops.batchnorm.apply
