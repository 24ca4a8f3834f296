"""Where in a model is what has a name: tensors, hidden ones too, modules in all their places?"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from torch import Tensor, nn

from ..errors import RefusedError


def owner_of(model: nn.Module, name: str) -> tuple[nn.Module, str]:
    """The module that holds a tensor, or another module, and the name there.

    Raises:
        AttributeError: there is no such module.
    """
    path, _, last = name.rpartition(".")
    return model.get_submodule(path), last


def find_tensor(model: nn.Module, name: str) -> Tensor | None:
    """A parameter or buffer of a model by its name, if there is one."""
    owner, last = owner_of(model, name)
    parameter = owner._parameters.get(last)
    found = owner._buffers.get(last) if parameter is None else parameter
    return None if found is None else found.detach()


def tensor_of(model: nn.Module, name: str) -> Tensor:
    """A parameter or buffer of a model by its name.

    Raises:
        RuntimeError: there is none.
    """
    found = find_tensor(model, name)
    if found is None:
        raise RefusedError(
            argument="model", expected=f"a tensor {name}", got="none", cure="Has the model been changed?"
        )
    return found


def named_tensors(module: nn.Module) -> Iterator[tuple[str, Tensor]]:
    """Every parameter and buffer, by all its names."""
    yield from module.named_parameters(remove_duplicate=False)
    yield from module.named_buffers(remove_duplicate=False)


def hidden_buffers(module: nn.Module) -> dict[str, Tensor]:
    """Return the buffers that are not persistent, by all their names.

    Example:
        >>> net = nn.Sequential(nn.ReLU())
        >>> net[0].register_buffer("mask", Tensor([1.0]), persistent=False)
        >>> hidden_buffers(net)
        {'0.mask': tensor([1.])}
    """
    found = {}
    for path, inner in module.named_modules(remove_duplicate=False):
        for name in inner._non_persistent_buffers_set:
            buffer = inner._buffers.get(name)
            if buffer is not None:
                found[f"{path}.{name}".removeprefix(".")] = buffer
    return found


def hang(model: nn.Module, name: str, module: nn.Module) -> None:
    """Put a module at a place of a model, whatever stands there."""
    owner, last = owner_of(model, name)
    owner._modules[last] = module


def places_of(model: nn.Module, names: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """For the names of some modules all that each of them has, in the order of `named_modules`."""
    found: dict[int, list[str]] = {}
    for name, module in model.named_modules(remove_duplicate=False):
        found.setdefault(id(module), []).append(name)
    return {name: tuple(found[id(model.get_submodule(name))]) for name in names}


def aliases(named: Iterable[tuple[str, Any]]) -> Mapping[str, list[str]]:
    """For each name those that the same object has, that name first."""
    found: dict[int, list[str]] = {}
    for name, thing in named:
        found.setdefault(id(thing), []).append(name)
    return {name: [name, *(other for other in names if other != name)] for names in found.values() for name in names}
