"""The kernels as operators of torch: what autograd, a compiler and an exporter have to know of them.

An operator that writes into its inputs may have no derivative; so these return the moments, and the running
statistics are moved in a step of their own. They are for whoever looks at what runs: compilers, exporters, dispatch
modes, tensor subclasses. A plain call takes the shorter way of `_plain`, with the same rules on the way back.
"""

# Schemas want booleans by position; torch's contexts and the tuples that it hands over have no types.
# ruff: noqa: FBT001
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from ..kernels import cpu, mask_bytes, output_format, pool_mask_bytes, pooled_like
from ._plain import are_plain, fitting, is_batched
from ._second_derivative import composed_gradients
from ._sweeps import ByBatch, ByGiven, Rules, Saved, Steps, Sweeps

Optional = Tensor | None
Four = tuple[Tensor, Tensor, Tensor, Tensor]

_STEPS = "Tensor? weight, Tensor? bias, Tensor? residual, float eps, str activation, bool pool"
_OUTPUTS = "(Tensor y, Tensor mean, Tensor var, Tensor masks)"


def _training(
    x: Tensor, weight: Optional, bias: Optional, residual: Optional, eps: float, activation: str, pool: bool
) -> Four:
    return ByBatch().forward(x, Steps(weight, bias, residual, eps, activation, pool))


def _evaluation(
    x: Tensor,
    mean: Tensor,
    var: Tensor,
    weight: Optional,
    bias: Optional,
    residual: Optional,
    eps: float,
    activation: str,
    pool: bool,
) -> Four:
    return ByGiven(mean, var).forward(x, Steps(weight, bias, residual, eps, activation, pool))


def _backward(
    dy: Tensor,
    x: Tensor,
    mean: Tensor,
    var: Tensor,
    weight: Optional,
    bias: Optional,
    masks: Tensor,
    eps: float,
    activation: str,
    add: bool,
    pool: bool,
    training: bool,
) -> Four:
    way: Sweeps = ByBatch() if training else ByGiven(mean, var)
    return way.backward(dy, Saved(x, mean, var, weight, bias, masks), Rules(eps, activation, add, pool))


def _fake_training(
    x: Tensor, weight: Optional, bias: Optional, residual: Optional, eps: float, activation: str, pool: bool
) -> Four:
    mean = x.new_empty(x.shape[1], dtype=torch.float64)
    y, masks = fake_output(x, activation, add=residual is not None, pool=pool)
    return y, mean, torch.empty_like(mean), masks


def fake_output(x: Tensor, activation: str, *, add: bool, pool: bool) -> tuple[Tensor, Tensor]:
    """An output and its masks, of which only the kind is right."""
    form = output_format(x, then=add or activation != "identity")
    y = pooled_like(x) if pool else torch.empty_like(x, memory_format=form)
    size = pool_mask_bytes(x) if pool else mask_bytes(x) if add else 0
    return y, x.new_empty(size, dtype=torch.uint8)


def _fake_evaluation(x: Tensor, mean: Tensor, var: Tensor, *steps: Any) -> Four:
    return _fake_training(x, *steps)


def _fake_backward(dy: Tensor, x: Tensor, *others: Any) -> Four:
    *_, add, _, _ = others
    dweight = x.new_empty(x.shape[1], dtype=cpu.number_type(x))
    dx = torch.empty_like(x, memory_format=output_format(x))
    dresidual = torch.empty_like(dx) if add else x.new_empty(0)
    return dx, dweight, torch.empty_like(dweight), dresidual


def _save(ctx: Any, x: Tensor, steps: Steps, output: Four, sweeps: Sweeps) -> None:
    _, mean, var, masks = output
    ctx.mark_non_differentiable(mean, var, masks)
    ctx.save_for_backward(x, mean, var, steps.weight, steps.bias, masks)
    ctx.sweeps, ctx.rules = sweeps, steps.rules
    ctx.set_materialize_grads(False)


def _save_training(ctx: Any, inputs: Any, output: Four) -> None:
    x, *steps = inputs
    _save(ctx, x, Steps(*steps), output, ByBatch())


def _save_evaluation(ctx: Any, inputs: Any, output: Four) -> None:
    x, mean, var, *steps = inputs
    _save(ctx, x, Steps(*steps), output, ByGiven(mean, var))


def _gradients(ctx: Any, dy: Optional) -> tuple[Optional, Optional, Optional, Optional]:
    """The gradients of x, weight, bias and residual; None for what there is not."""
    if dy is None:
        return None, None, None, None
    saved, rules, sweeps = Saved(*ctx.saved_tensors), ctx.rules, ctx.sweeps
    if torch.is_grad_enabled() or is_batched(dy):  # somebody will differentiate the gradients
        with torch.enable_grad():
            return composed_gradients(dy, saved, rules, sweeps)
    if not torch.compiler.is_compiling() and not torch._C._len_torch_dispatch_stack() and are_plain(dy, *saved):
        return fitting(sweeps.backward(dy, saved, rules), saved, add=rules.add)
    found = torch.ops.batchnorm.fused_backward(dy, *saved, *rules, isinstance(sweeps, ByBatch))
    return fitting(found, saved, add=rules.add)


def _training_gradients(ctx: Any, dy: Optional, *_: Any) -> tuple[Any, ...]:
    return *_gradients(ctx, dy), None, None, None


def _evaluation_gradients(ctx: Any, dy: Optional, *_: Any) -> tuple[Any, ...]:
    dx, *others = _gradients(ctx, dy)
    return dx, None, None, *others, None, None, None


def _register() -> None:
    library = torch.library
    library.define("batchnorm::fused_training", f"(Tensor x, {_STEPS}) -> {_OUTPUTS}")
    library.define("batchnorm::fused_evaluation", f"(Tensor x, Tensor mean, Tensor var, {_STEPS}) -> {_OUTPUTS}")
    library.define(
        "batchnorm::fused_backward",
        "(Tensor dy, Tensor x, Tensor mean, Tensor var, Tensor? weight, Tensor? bias, Tensor masks, float eps, "
        "str activation, bool add, bool pool, bool training) -> "
        "(Tensor dx, Tensor dweight, Tensor dbias, Tensor dresidual)",
    )
    for name, kernel, fake in (
        ("training", _training, _fake_training),
        ("evaluation", _evaluation, _fake_evaluation),
        ("backward", _backward, _fake_backward),
    ):
        library.impl(f"batchnorm::fused_{name}", "cpu", kernel)
        library.register_fake(f"batchnorm::fused_{name}", fake)
    library.register_autograd("batchnorm::fused_training", _training_gradients, setup_context=_save_training)
    library.register_autograd("batchnorm::fused_evaluation", _evaluation_gradients, setup_context=_save_evaluation)


_register()
fused_training: Callable[..., Four] = torch.ops.batchnorm.fused_training
fused_evaluation: Callable[..., Four] = torch.ops.batchnorm.fused_evaluation
