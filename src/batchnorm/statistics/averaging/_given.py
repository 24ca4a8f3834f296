"""Which models were given, and what do they hold? Nothing of them is changed."""

from collections.abc import Iterable, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.instancenorm import _InstanceNorm

from ...errors import InputError, InputTypeError, RefusedError, its_type
from ...norms import find_norms
from ...transaction import check_holds_weights, check_not_held, original
from ._plain import check_plain
from ._state import MEAN, VAR, State, statistics_in, unwrapped

VERB = "average_models"
CHECKPOINTS = ("state_dict", "model_state_dict", "model")
"""Under which names a checkpoint usually holds its model: Lightning's and timm's, that of torch's tutorials, others."""


def listed(models: object) -> list[Any]:
    """Return the models that a caller gave.

    Raises:
        InputTypeError: it is no list of them, such as a single one.
        InputError: there is none.
    """
    if isinstance(models, nn.Module | Mapping | str | bytes | Tensor) or not isinstance(models, Iterable):
        raise InputTypeError(
            argument="models",
            expected="a list of modules or of state_dicts",
            got=its_type(models),
            cure="Pass a list, such as [model, other].",
        )
    given = [*models]
    if not given:
        raise InputError(argument="models", expected="at least one model", got="an empty list")
    kinds = [_kind_of(model, f"models[{number}]") for number, model in enumerate(given)]
    if kinds.count(kinds[0]) < len(kinds):
        raise InputTypeError(
            argument="models",
            expected="modules alone, or state_dicts alone",
            got="both",
            cure="Pass model.state_dict() for each module.",
        )
    return given


def read(model: Any, label: str) -> State:
    """Return what is in a model.

    Raises:
        InputError: it holds what cannot be averaged.
        RefusedError: its tensors are not its own, or not there yet.
    """
    return _of_module(model, label) if isinstance(model, nn.Module) else _of_mapping(model, label)


def tensors_of(module: nn.Module) -> dict[str, Tensor]:
    """Return what a module keeps: parameters, persistent buffers and statistics; shared ones have several names."""
    return {
        f"{path}.{key}".removeprefix("."): tensor
        for path, inner in module.named_modules(remove_duplicate=False)
        for key, tensor in (*inner._parameters.items(), *inner._buffers.items())
        # A buffer that is not persistent is no part of the model's state, unless a norm normalizes by it.
        if tensor is not None and (key not in inner._non_persistent_buffers_set or key in (MEAN, VAR))
    }


def _kind_of(model: object, label: str) -> str:
    if isinstance(model, nn.Module):
        return "module"
    if isinstance(model, Mapping):
        return "state_dict"
    hint = ""
    if hasattr(model, "__fspath__") or isinstance(model, str):
        hint = "Read it first: torch.load(path, weights_only=True), or safetensors.torch.load_file(path)."
    raise InputTypeError(argument=label, expected="a torch.nn.Module or a state_dict", got=its_type(model), cure=hint)


def _of_module(model: nn.Module, label: str) -> State:
    module = original(model)[0]
    _check_whole(module, label)
    tensors = tensors_of(module)
    for name, tensor in tensors.items():
        check_plain(tensor, label, name)
    besides = _besides(module, tensors)
    given = unwrapped([*tensors, *besides])
    found = {name: tensors[own] for name, own in given.items() if own in tensors}
    others = {name: besides[own] for name, own in given.items() if own in besides}
    instance = {
        path for path, inner in module.named_modules(remove_duplicate=False) if isinstance(inner, _InstanceNorm)
    }
    means = (name for name in statistics_in(found) if given[name].rpartition(".")[0] not in instance)
    return State(label, found, others, frozenset(means), given)


def _check_whole(module: nn.Module, label: str) -> None:
    from ...surgery import is_folded

    if any(isinstance(inner, torch.jit.ScriptModule) for inner in module.modules()):
        raise InputError(
            argument=label,
            expected="modules written in Python",
            got="one of torch.jit, which cannot be looked into",
            cure="Use the model as it was before it was scripted or traced.",
        )
    check_holds_weights(module, VERB)
    check_not_held(module)
    find_norms(module, VERB)  # one that has seen no batch is named
    if is_folded(module):
        raise RefusedError(
            argument=label,
            expected="a model whose norms are its own",
            got="a folded one, whose statistics are part of its weights",
            cure="Average the models first and fold the result, or call batchnorm.unfold.",
        )


def _besides(module: nn.Module, tensors: Mapping[str, Tensor]) -> dict[str, Any]:
    """What the module's own `state_dict` holds besides, such as packed weights, which nobody here could average."""
    known = {tensor.data_ptr() for tensor in tensors.values() if _address(tensor)}
    return {
        name: value
        for name, value in module.state_dict().items()
        if name not in tensors
        and not (isinstance(value, Tensor) and value.layout == torch.strided and _address(value) in known)
    }


def _address(tensor: Tensor) -> int | None:
    try:
        return tensor.data_ptr()
    except RuntimeError:  # it has no memory of its own
        return None


def _of_mapping(model: Mapping[Any, Any], label: str) -> State:
    tensors = _state_dict_in(model, label)
    for name, value in tensors.items():
        if isinstance(value, Tensor):
            check_plain(value, label, name)
    given = unwrapped(tensors)
    found = {name: tensors[own] for name, own in given.items()}
    plain = {name: value for name, value in found.items() if isinstance(value, Tensor)}
    others = {name: value for name, value in found.items() if not isinstance(value, Tensor)}
    return State(label, plain, others, statistics_in(plain), given, getattr(tensors, "_metadata", None))


def _state_dict_in(model: Mapping[Any, Any], label: str) -> Mapping[str, Any]:
    """The mapping itself, or the only one in a checkpoint, if that is surely the model's."""
    if _is_state_dict(model):
        return model
    inside = [key for key, value in model.items() if isinstance(value, Mapping) and _is_state_dict(value)]
    if len(inside) == 1 and inside[0] in CHECKPOINTS:
        found: Mapping[str, Any] = model[inside[0]]
        return found
    odd = [key for key, value in model.items() if not isinstance(key, str) or not isinstance(value, Tensor)]
    several = f"one that holds {', '.join(map(repr, inside[:3]))}" if inside else ""
    raise InputError(
        argument=label,
        expected="a state_dict, tensors by their names",
        got=several or (f"one with something else for {odd[0]!r:.100}" if odd else "an empty one"),
        cure=f"Pass the model's, such as checkpoint[{inside[0]!r}]." if inside else "Pass model.state_dict().",
    )


def _is_state_dict(value: Mapping[Any, Any]) -> bool:
    """Whether it has tensors by their names, and nothing else but what modules add for themselves."""
    own = [isinstance(entry, Tensor) or str(key).endswith("_extra_state") for key, entry in value.items()]
    return bool(own) and all(own) and all(isinstance(key, str) for key in value)
