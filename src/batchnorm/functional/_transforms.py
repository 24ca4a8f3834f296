"""Does this code run inside a torch.func transform (grad, jvp, vmap), or in forward mode? One place asks torch."""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.autograd import forward_ad


def inside_transform() -> bool:
    """Whether a transform is active; False while a compiler traces, which sees to them itself."""
    return not torch.compiler.is_compiling() and torch._C._functorch.maybe_current_level() is not None


def has_tangent(*tensors: Tensor) -> bool:
    """Whether forward mode differentiates by one of these; False while a compiler traces."""
    if torch.compiler.is_compiling() or forward_ad._current_level < 0:
        return False
    unpack: Callable[..., forward_ad.UnpackedDualTensor] = forward_ad.unpack_dual
    return any(unpack(tensor).tangent is not None for tensor in tensors)
