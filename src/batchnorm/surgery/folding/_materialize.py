"""How does a weight that is computed in each call (weight_norm, spectral_norm) become a plain one, and that again?"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

from torch import Tensor, nn
from torch.nn.utils import remove_spectral_norm, remove_weight_norm
from torch.nn.utils.parametrize import is_parametrized, type_before_parametrizations
from torch.nn.utils.spectral_norm import SpectralNorm, SpectralNormLoadStateDictPreHook
from torch.nn.utils.weight_norm import WeightNorm

from ...transaction import Undo
from .._become import Become, as_it_is

_PRODUCTS = (nn.modules.conv._ConvNd, nn.Linear)


@dataclass(frozen=True, slots=True)
class Before:
    """A module as it was: its class, which a parametrization changes, and all that it held."""

    name: str
    kind: type[nn.Module]
    held: dict[str, Any]

    def state(self) -> dict[str, Tensor]:
        """The tensors that it had, those of a `state_dict`."""
        hidden = self.held["_non_persistent_buffers_set"]
        own = {**self.held["_parameters"], **{k: v for k, v in self.held["_buffers"].items() if k not in hidden}}
        found = {name: tensor.detach() for name, tensor in own.items() if tensor is not None}
        for child, module in self.held["_modules"].items():
            found |= {f"{child}.{name}": tensor for name, tensor in module.state_dict().items()}
        return found

    def put_back(self, model: nn.Module) -> None:
        """Let the module be that again."""
        Become(model.get_submodule(self.name), self.kind, self.held).carry_out()


def materialize(model: nn.Module, undo: Undo) -> list[Before]:
    """Replace the computed weights of convolutions and linear layers by what they are now.

    Args:
        model: in evaluation mode, in which they do not change.
        undo: hears how to go back.
    """
    found = []
    for name, module in list(model.named_modules()):
        if is_computed(module):
            before = before_of(name, module)
            undo.add(partial(before.put_back, model))
            found.append(before)
            make_plain(module)
    return found


def before_of(name: str, module: nn.Module) -> Before:
    """What a module is, before it is made plain."""
    present = as_it_is(module)
    return Before(name, present.kind, dict(present.held))


def is_computed(module: nn.Module) -> bool:
    """Whether a convolution or linear layer computes its weight, or its bias, in each call."""
    return isinstance(module, _PRODUCTS) and (is_parametrized(module) or any(True for _ in _old_hooks(module)))


def _old_hooks(module: nn.Module) -> Iterator[WeightNorm | SpectralNorm]:
    return (hook for hook in module._forward_pre_hooks.values() if isinstance(hook, WeightNorm | SpectralNorm))


def make_plain(module: nn.Module) -> None:
    """Let a module hold, as plain parameters, what it computed."""
    for hook in list(_old_hooks(module)):
        remove = remove_weight_norm if isinstance(hook, WeightNorm) else remove_spectral_norm
        remove(module, hook.name)
    # torch's function looks for this one unwrapped, and so leaves it: it would ask a state_dict for what is gone.
    for key, wrapped in [*module._load_state_dict_pre_hooks.items()]:
        if isinstance(getattr(wrapped, "hook", wrapped), SpectralNormLoadStateDictPreHook):
            del module._load_state_dict_pre_hooks[key]
    if is_parametrized(module):
        # Not torch's remove_parametrizations, which writes into the parameters that have to come back.
        names = [name for name, _ in module.get_submodule("parametrizations").named_children()]
        values = {name: getattr(module, name).detach().clone() for name in names}
        module.__class__ = type_before_parametrizations(module)
        del module._modules["parametrizations"]
        for name, value in values.items():
            module.register_parameter(name, nn.Parameter(value))
