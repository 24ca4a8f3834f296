"""What has somebody written into a norm's class, or laid into the norm, that another class would not have?"""

from collections.abc import Iterator
from typing import Any

import torch
from torch import nn
from torch.nn.utils.parametrize import is_parametrized

from ...norms import forward_of

_SAYS_NOTHING = {
    *("__init__", "__new__", "__init_subclass__", "__class_getitem__", "__doc__", "__module__", "__qualname__"),
    *("__dict__", "__weakref__", "__slots__", "__annotations__", "__annotate__", "__annotate_func__"),
    *("__annotations_cache__", "__parameters__", "__orig_bases__", "__type_params__", "__constants__"),
    *("__firstlineno__", "__static_attributes__", "__abstractmethods__", "_abc_impl", "_version", "_is_protocol"),
    *("extra_repr", "__repr__", "__str__", "_get_name"),
}
"""Names in a class that have no part in what a norm computes, holds and saves: how it is made and printed."""


def own_code(module: nn.Module, known: type[nn.Module]) -> str | None:
    """Say what keeps a norm from being of another class; None where nothing does.

    Args:
        module: a norm.
        known: the class, its own or one that it is derived from, whose code is known.
    """
    if isinstance(module, torch.jit.ScriptModule):
        return "it is of torch.jit, whose code cannot be exchanged"
    if is_parametrized(module):
        return "its parameters are computed by a parametrization, which is part of its class"
    if forward_of(module) is nn.Module.forward:
        return "it only holds the tensors of an exported graph, which does not call it"
    if "forward" in vars(module):
        return "somebody has given it a forward of its own"
    return _code_of(_between(type(module), known), known)


def own_values(module: nn.Module, known: type[nn.Module]) -> dict[str, Any]:
    """Plain values in the body of a norm's class, which are read from the norm, by their names."""
    found: dict[str, Any] = {}
    for kind in reversed(_between(type(module), known)):
        found |= {name: value for name, value in _written(kind) if not _is_code(value)}
    return {name: value for name, value in found.items() if name not in vars(module) and not hasattr(known, name)}


def own_methods(module: nn.Module) -> list[str]:
    """The names of all methods and properties that the classes of a module have written themselves."""
    kinds = _between(type(module), nn.Module)
    return [
        name
        for kind in kinds
        for name, value in _written(kind)
        if _is_code(value) and not _is_of_the_class(value, name)
    ]


def _code_of(kinds: list[type], known: type[nn.Module]) -> str | None:
    for kind in kinds:
        code = [
            name
            for name, value in _written(kind)
            if (_is_code(value) or callable(getattr(known, name, None))) and not _is_of_the_class(value, name)
        ]
        if "forward" in code:
            return f"{kind.__name__} has a forward of its own"
        if code:
            return f"{kind.__name__} has {_listed(code)} of its own, which another class would not have"
    return None


def _between(kind: type[nn.Module], known: type[nn.Module]) -> list[type]:
    """The classes of others that a class is derived from besides the known one, itself included."""
    return [one for one in kind.__mro__ if one not in known.__mro__]


def _written(kind: type) -> Iterator[tuple[str, Any]]:
    return ((name, value) for name, value in vars(kind).items() if name not in _SAYS_NOTHING)


def _is_code(value: object) -> bool:
    return hasattr(type(value), "__get__")


def _is_of_the_class(value: object, name: str) -> bool:
    """Whether it is a function that is called by the class, and no module's own method."""
    return isinstance(value, classmethod | staticmethod) and not hasattr(nn.Module, name)


def _listed(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
