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

from ..kernels import cpu, output_format
from ._second_derivative import composed_gradients

Optional = Tensor | None
Outputs = tuple[Tensor, Tensor, Tensor, Tensor]

_STEPS = "Tensor? weight, Tensor? bias, Tensor? residual, float eps, str activation, bool pool"
_OUTPUTS = "(Tensor y, Tensor mean, Tensor var, Tensor masks)"


def run_forward(
    x: Tensor,
    statistics: tuple[Tensor, Tensor] | None,
    running: cpu.Running | None,
    weight: Optional,
    bias: Optional,
    residual: Optional,
    eps: float,
    activation: str,
    pool: bool,
) -> Outputs:
    if pool:
        return cpu.pool_forward(x, statistics, weight, bias, eps, running)
    return cpu.forward(x, statistics, weight, bias, eps, activation, residual, running)


def _training(x: Tensor, *steps: Any) -> Outputs:
    return run_forward(x, None, None, *steps)


def _evaluation(x: Tensor, mean: Tensor, var: Tensor, *steps: Any) -> Outputs:
    return run_forward(x, (mean, var), None, *steps)


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
) -> Outputs:
    if pool:
        return cpu.pool_backward(dy, x, mean, var, weight, bias, masks, eps, training)
    return cpu.backward(dy, x, mean, var, weight, bias, masks, eps, activation, add, training)


def _fake_training(x: Tensor, weight: Optional, bias: Optional, residual: Optional, *rules: Any) -> Outputs:
    *_, activation, pool = rules
    add = residual is not None
    mean = x.new_empty(x.shape[1], dtype=torch.float64)
    form = output_format(x, then=add or activation != "identity")
    y = cpu.pooled_like(x) if pool else torch.empty_like(x, memory_format=form)
    size = cpu.pool_mask_bytes(x) if pool else cpu.mask_bytes(x) if add else 0
    return y, mean, torch.empty_like(mean), x.new_empty(size, dtype=torch.uint8)


def _fake_evaluation(x: Tensor, mean: Tensor, var: Tensor, *steps: Any) -> Outputs:
    return _fake_training(x, *steps)


def _fake_backward(dy: Tensor, x: Tensor, *others: Any) -> Outputs:
    *_, add, _, _ = others
    dweight = x.new_empty(x.shape[1], dtype=cpu.number_type(x))
    dx = torch.empty_like(x, memory_format=output_format(x))
    dresidual = torch.empty_like(dx) if add else x.new_empty(0)
    return dx, dweight, torch.empty_like(dweight), dresidual


def save(ctx: Any, x: Tensor, steps: Any, output: Outputs, *, training: bool) -> None:
    """What the way back needs: x, which the layer before has kept as its output, and little else."""
    weight, bias, residual, eps, activation, pool = steps
    _, mean, var, masks = output
    ctx.save_for_backward(x, mean, var, weight, bias, masks)
    ctx.rules = (eps, activation, residual is not None, pool, training)
    ctx.set_materialize_grads(False)


def _save_training(ctx: Any, inputs: Any, output: Outputs) -> None:
    x, *steps = inputs
    ctx.mark_non_differentiable(*output[1:])
    save(ctx, x, steps, output, training=True)


def _save_evaluation(ctx: Any, inputs: Any, output: Outputs) -> None:
    x, _, _, *steps = inputs
    ctx.mark_non_differentiable(*output[1:])
    save(ctx, x, steps, output, training=False)


def gradients(ctx: Any, dy: Optional) -> tuple[Optional, Optional, Optional, Optional]:
    """The gradients of x, weight, bias and residual; None for what there is not."""
    if dy is None:
        return None, None, None, None
    saved = ctx.saved_tensors
    if torch.is_grad_enabled():  # somebody will differentiate the gradients
        return composed_gradients(dy, *saved, *ctx.rules)
    if is_batched(dy):
        with torch.enable_grad():
            return composed_gradients(dy, *saved, *ctx.rules)
    _, _, _, weight, bias, _ = saved
    _, _, add, _, _ = ctx.rules
    run = _backward if is_plain((dy, *saved)) else torch.ops.batchnorm.fused_backward
    dx, dweight, dbias, dresidual = run(dy, *saved, *ctx.rules)
    return (
        dx,
        None if weight is None else dweight.to(weight.dtype).view(weight.shape),
        None if bias is None else dbias.to(bias.dtype).view(bias.shape),
        dresidual if add else None,
    )


def _training_gradients(ctx: Any, dy: Optional, *_: Any) -> tuple[Any, ...]:
    return *gradients(ctx, dy), None, None, None


def _evaluation_gradients(ctx: Any, dy: Optional, *_: Any) -> tuple[Any, ...]:
    dx, *others = gradients(ctx, dy)
    return dx, None, None, *others, None, None, None


_PLAIN = (Tensor, torch.nn.Parameter)


def is_plain(tensors: tuple[Optional, ...]) -> bool:
    """Whether nobody looks at the operators that run, and the tensors are nothing but numbers in memory."""
    if torch.compiler.is_compiling() or torch._C._len_torch_dispatch_stack():
        return False
    return all(tensor is None or (type(tensor) in _PLAIN and not tensor.is_neg()) for tensor in tensors)


def is_batched(tensor: Tensor) -> bool:
    """Whether it stands for many tensors, as a gradient does under `is_grads_batched`: a kernel finds no memory."""
    functorch = torch._C._functorch
    return functorch.is_batchedtensor(tensor) or functorch.is_legacy_batchedtensor(tensor)


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
fused_training: Callable[..., Outputs] = torch.ops.batchnorm.fused_training
fused_evaluation: Callable[..., Outputs] = torch.ops.batchnorm.fused_evaluation
