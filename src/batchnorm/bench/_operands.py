"""On which numbers? Tensors for one row, and what they come to in float64."""

from collections.abc import Iterator
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from ..functional import activate
from ._cases import LayerCase

EPS = 1e-5
MOMENTUM = 0.1

_NEAR = {torch.float64: 1e-9, torch.float32: 1e-4, torch.bfloat16: 0.05}
_JUMP = 0.15  # between the slopes at both sides of a kink; the least, hardsigmoid's, is 1/6
_CHUNK = 1 << 22  # values that are looked at in float64 at once


class Operands(NamedTuple):
    """The tensors of one row; `dy` has the shape of the output."""

    x: Tensor
    residual: Tensor | None
    weight: Tensor
    bias: Tensor
    running_mean: Tensor
    running_var: Tensor
    dy: Tensor

    def with_own_statistics(self) -> "Operands":
        """Return the same, but for copies of the running statistics, which training moves."""
        return self._replace(running_mean=self.running_mean.clone(), running_var=self.running_var.clone())

    def differentiable(self) -> tuple[Tensor, ...]:
        """Return what backward gives gradients for; `x` first."""
        return (self.x, self.weight, self.bias, *(() if self.residual is None else (self.residual,)))

    def channels(self, chunk: slice) -> "Operands":
        """Return some channels of all, detached, in float64."""

        def cut(tensor: Tensor) -> Tensor:
            part = tensor[chunk] if tensor.dim() == 1 else tensor[:, chunk]
            return part.detach().double()

        residual = None if self.residual is None else cut(self.residual)
        vectors = (cut(self.weight), cut(self.bias), cut(self.running_mean), cut(self.running_var))
        return Operands(cut(self.x), residual, *vectors, cut(self.dy))


def make_operands(case: LayerCase, seed: int = 0) -> Operands:
    """Draw the tensors of a row: the same for the same case.

    `dy` is 0 wherever a rounding decides what the gradient is: at a kink of the activation, and in a window of the pool
    whose two largest values are as good as equal. There each arm may be right, and the largest error would say nothing.
    """
    generator = torch.Generator().manual_seed(seed)

    def draw(*shape: int, dtype: torch.dtype = case.torch_dtype) -> Tensor:
        values = torch.randn(shape, generator=generator).to(dtype)
        return values.contiguous(memory_format=case.torch_format) if len(shape) > 1 else values

    channels = case.shape[1]
    own = torch.float32 if case.torch_dtype is torch.bfloat16 else case.torch_dtype
    x = draw(*case.shape).mul_(1.5).add_(0.5)
    residual = draw(*case.shape) if case.family == "bn+add+act" else None
    weight, bias = draw(channels, dtype=own).mul_(0.1).add_(1), draw(channels, dtype=own).mul_(0.1)
    mean, var = draw(channels, dtype=own).mul_(0.1).add_(0.5), draw(channels, dtype=own).mul_(0.1).square_().add_(2)
    pooled = case.family == "bn+act+pool"
    dy = draw(*case.shape[:2], *(size // 2 if pooled else size for size in case.shape[2:]))
    operands = Operands(x, residual, weight, bias, mean, var, dy)
    for chunk in chunks(case):
        dy[:, chunk].masked_fill_(_undecided(case, operands.channels(chunk)), 0)
    for tensor in operands.differentiable():
        tensor.requires_grad_()
    return operands


def chunks(case: LayerCase) -> Iterator[slice]:
    """Yield slices of the channels, so small that their float64 needs little memory."""
    channels = case.shape[1]
    values = max(1, torch.Size(case.shape).numel() // channels)
    width = max(1, _CHUNK // values)
    for start in range(0, channels, width):
        yield slice(start, start + width)


def reference(case: LayerCase, operands: Operands, *, training: bool) -> Tensor:
    """Return the output by the formula, written out; in float64 if the operands are.

    z = (x - mean) / sqrt(var + eps) * weight + bias (+ residual), y = activate(z) (, its max-pool)
    """
    return _finish(case, _before_activation(operands, training=training))


def _before_activation(o: Operands, *, training: bool) -> Tensor:
    axes = [axis for axis in range(o.x.dim()) if axis != 1]

    def broadcast(values: Tensor) -> Tensor:
        return values.reshape(-1, *[1] * (o.x.dim() - 2))

    if training:
        mean = o.x.mean(axes, keepdim=True)
        var = (o.x - mean).square().mean(axes, keepdim=True)
    else:
        mean, var = broadcast(o.running_mean), broadcast(o.running_var)
    z = (o.x - mean) / torch.sqrt(var + EPS) * broadcast(o.weight) + broadcast(o.bias)
    return z if o.residual is None else z + o.residual


def _finish(case: LayerCase, z: Tensor) -> Tensor:
    y = activate(z, case.activation_name)
    return F.max_pool2d(y, 2) if case.family == "bn+act+pool" else y


def _undecided(case: LayerCase, o: Operands) -> Tensor:
    """Return where the gradient of the output hangs on a rounding; of the output's shape."""
    near = _NEAR[case.torch_dtype]
    z = _before_activation(o, training=True)
    at_kink = (_slope(case, z + near) - _slope(case, z - near)).abs() > _JUMP
    if case.family != "bn+act+pool":
        return at_kink
    values = _windows(activate(z, case.activation_name))
    largest = values.topk(2, dim=-1)
    kink_of_largest = _windows(at_kink).gather(-1, largest.indices[..., :1])[..., 0]
    return kink_of_largest | (largest.values[..., 0] - largest.values[..., 1] < near)


def _slope(case: LayerCase, z: Tensor) -> Tensor:
    z = z.detach().requires_grad_()
    y = activate(z, case.activation_name)
    (slope,) = torch.autograd.grad(y.sum(), z)
    return slope


def _windows(y: Tensor) -> Tensor:
    """Return the four values of every window as the last axis."""
    height, width = (size // 2 for size in y.shape[2:])
    parts = y[:, :, : 2 * height, : 2 * width].reshape(*y.shape[:2], height, 2, width, 2)
    return parts.transpose(3, 4).flatten(4)
