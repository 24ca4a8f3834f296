"""What activates a layer that calls modules of its own for it, by whatever names these have in it?

Such is a layer that was a norm of another library, timm's above all, whose activation is a submodule `act` with hooks,
parameters and a key in the `state_dict`. It is looked up in each call: somebody may exchange it, or hang a hook on it.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules import module as every_module

ACTIVATED_BY = "_activated_by"
"""The attribute in which a layer has the names of these modules, in the order of their calls."""

_HOOKS = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")
_PLAIN: dict[type[nn.Module], tuple[str, dict[str, Any]]] = {
    nn.CELU: ("celu", {"alpha": 1.0}),
    nn.ELU: ("elu", {"alpha": 1.0}),
    nn.GELU: ("gelu", {"approximate": "none"}),
    nn.Hardsigmoid: ("hardsigmoid", {}),
    nn.Hardswish: ("hardswish", {}),
    nn.Hardtanh: ("hardtanh", {"min_val": -1.0, "max_val": 1.0}),
    nn.LeakyReLU: ("leaky_relu", {"negative_slope": 0.01}),
    nn.Mish: ("mish", {}),
    nn.ReLU: ("relu", {}),
    nn.ReLU6: ("relu6", {"min_val": 0.0, "max_val": 6.0}),
    nn.SELU: ("selu", {}),
    nn.Sigmoid: ("sigmoid", {}),
    nn.SiLU: ("silu", {}),
    nn.Softplus: ("softplus", {"beta": 1.0, "threshold": 20.0}),
    nn.Tanh: ("tanh", {}),
}
"""Torch's modules that compute what a name stands for, and the arguments with which they do."""


class ActivatedBy:
    """The attribute `activation` of a layer of that kind; in others it stands in `__dict__`, or is a submodule."""

    def __get__(self, layer: nn.Module | None, owner: type[nn.Module] | None = None) -> object:
        if layer is not None:
            held, names = layer._modules, layer.__dict__.get(ACTIVATED_BY)
            # Here, and not left to torch's own way of finding it: compiled code does not follow an error there.
            if "activation" in held:
                return held["activation"]
            if names is not None:
                return _made_of([held[name] for name in names if name in held])
        raise AttributeError(f"type object {getattr(owner, '__name__', owner)!r} has no attribute 'activation'")


def _made_of(steps: list[nn.Module | None]) -> object:
    """What does the same as these modules, one after the other."""
    found = [step for step in steps if step is not None and not (type(step) is nn.Identity and _is_bare(step))]
    if not found:
        return None
    return named_or_itself(found[0]) if len(found) == 1 else _OneByOne(found)


class _OneByOne:
    """Several modules, one after the other."""

    def __init__(self, steps: list[nn.Module]) -> None:
        self._steps = steps

    def __call__(self, y: Tensor) -> Tensor:
        for step in self._steps:
            y = step(y)
        return y

    def __repr__(self) -> str:
        return " then ".join(type(step).__name__ for step in self._steps)


def named_or_itself(module: nn.Module) -> str | Callable[[Tensor], Tensor]:
    """The name of what a module computes, if it does nothing else, so that it can be a part of the norm's own work.

    Example:
        >>> named_or_itself(nn.ReLU(inplace=True)), named_or_itself(nn.ELU(2.0))
        ('relu', ELU(alpha=2.0))
    """
    name, arguments = _PLAIN.get(type(module), ("", {}))
    held = module.__dict__
    if name and _is_bare(module) and all(held.get(key) == value for key, value in arguments.items()):
        return name
    return module


def _is_bare(module: nn.Module) -> bool:
    """Whether nobody hears of its calls, or has changed what they do."""
    held = module.__dict__
    if "forward" in held or any(held[table] for table in _HOOKS) or held.get("_compiled_call_impl") is not None:
        return False
    return torch.compiler.is_compiling() or not any(
        (
            every_module._global_forward_hooks,
            every_module._global_forward_pre_hooks,
            every_module._global_backward_hooks,
            every_module._global_backward_pre_hooks,
        )
    )
