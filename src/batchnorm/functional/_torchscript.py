"""What can torch.jit.script compile? What is in its language, which has neither tables nor functions as values.

The layers call these where they are compiled, and nobody else does.
"""

import torch
import torch.nn.functional as F
from torch import Tensor


def activate_in_script(y: Tensor, name: str) -> Tensor:
    """`activate` by name, for torch.jit.script: one line for each of the `ACTIVATIONS`.

    Raises:
        ValueError: a name that is not among them.

    Example:
        >>> activate_in_script(torch.tensor([-1.0, 2.0]), "relu")
        tensor([0., 2.])
    """
    if name in ("relu", "relu6", "silu", "gelu", "gelu_tanh"):
        return _rectify(y, name)
    if name in ("sigmoid", "tanh", "hardsigmoid", "hardtanh", "hardswish"):
        return _saturate(y, name)
    if name == "celu":
        return F.celu(y)
    if name == "elu":
        return F.elu(y)
    if name == "selu":
        return F.selu(y)
    if name == "leaky_relu":
        return F.leaky_relu(y)
    if name == "mish":
        return F.mish(y)
    if name == "softplus":
        return F.softplus(y)
    raise ValueError("activation: expected a name of ACTIVATIONS, got " + name + ". Take one of these, or a module.")


def _rectify(y: Tensor, name: str) -> Tensor:
    if name == "relu":
        return F.relu(y)
    if name == "relu6":
        return F.relu6(y)
    if name == "silu":
        return F.silu(y)
    return F.gelu(y, approximate="tanh" if name == "gelu_tanh" else "none")


def _saturate(y: Tensor, name: str) -> Tensor:
    if name == "sigmoid":
        return torch.sigmoid(y)
    if name == "tanh":
        return torch.tanh(y)
    if name == "hardsigmoid":
        return F.hardsigmoid(y)
    return F.hardtanh(y) if name == "hardtanh" else F.hardswish(y)


def channel_affine_in_script(x: Tensor, scale: Tensor | None, shift: Tensor | None) -> Tensor:
    """`channel_affine` without activation, for torch.jit.script, with the same dtypes and refusals.

        y = x * scale + shift

    `x`: (N, C, *), `scale`, `shift`: (C,) or None.

    Raises:
        ValueError: `x` has fewer than two axes, `scale` or `shift` not one value per channel.
        RuntimeError: another dtype than `x` has.

    Example:
        >>> channel_affine_in_script(torch.ones(1, 2), torch.tensor([2.0, 3.0]), None)
        tensor([[2., 3.]])
    """
    if scale is not None and shift is not None:
        return torch.addcmul(_along(shift, x), x, _along(scale, x)).to(x.dtype)
    if scale is not None:
        return (x * _along(scale, x)).to(x.dtype)
    return x if shift is None else (x + _along(shift, x)).to(x.dtype)


def _along(values: Tensor, x: Tensor) -> Tensor:
    if x.dim() < 2 or values.numel() != x.size(1):
        raise ValueError(
            f"channel_affine: expected an input with {values.numel()} channels on axis 1, got shape {x.size()}. "
            "Bring it into the order (N, C, *)."
        )
    half = x.dtype == torch.bfloat16 or x.dtype == torch.float16
    if values.dtype != x.dtype and not (half and values.dtype == torch.float32):
        raise RuntimeError("channel_affine: the constants must have the dtype of the input. Convert one with .to().")
    wide = values.float() if half else values
    return wide.view([1, -1] + [1] * (x.dim() - 2))
