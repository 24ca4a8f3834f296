"""All that a model is made of, in a form that can be compared."""

from typing import Any

import torch
from torch import Tensor, nn

HOOKS = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_state_dict_hooks", "_load_state_dict_pre_hooks")


def picture(model: nn.Module) -> dict[str, Any]:
    """Modules with class, mode and number of hooks, tensors with bits, strides and flags, and who shares memory."""
    seen: dict[Any, str] = {}
    found: dict[str, Any] = {}
    for name, module in model.named_modules(remove_duplicate=False):
        hooks = [len(getattr(module, hook, ())) for hook in HOOKS]
        found[f"module {name}"] = (type(module), module.training, hooks, seen.setdefault(id(module), name))
        for key, tensor in (*module._parameters.items(), *module._buffers.items()):
            found[f"tensor {name}.{key}"] = _tensor(tensor, f"{name}.{key}", seen)
    return found | {"keys": list(model.state_dict())}


def _tensor(tensor: Tensor | None, name: str, seen: dict[Any, str]) -> Any:
    if tensor is None:
        return None
    place = (tensor.untyped_storage().data_ptr(), tensor.storage_offset())
    owners = seen.setdefault(id(tensor), name), seen.setdefault(place, name)
    return (*_flags(tensor), owners, tensor.detach().contiguous().reshape(-1).view(torch.uint8).numpy().tobytes())


def _flags(tensor: Tensor) -> tuple[Any, ...]:
    return type(tensor), tensor.dtype, tensor.device, tensor.requires_grad, tuple(tensor.shape), tensor.stride()


def flags(model: nn.Module) -> dict[str, Any]:
    """Of every parameter and buffer by its name all that folding must not change: everything but its numbers."""
    tensors = [*model.named_parameters(remove_duplicate=False), *model.named_buffers(remove_duplicate=False)]
    return {name: _flags(tensor) for name, tensor in tensors if 0 not in tensor.stride()}
