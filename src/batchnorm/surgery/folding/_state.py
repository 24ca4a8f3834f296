"""How is a folded model written down as plain values and tensors?"""

from collections.abc import Iterator
from typing import Any

from torch import Tensor, nn

from ...errors import InputError
from ...transaction import original
from .._names import aliases, hidden_buffers, named_tensors
from .._twin import STASH
from ._keep import check_not_dropped
from ._marks import changed_since
from ._stash import Replaced, Stash, stashes_of
from ._state_form import (
    BUFFERS,
    PLAIN,
    PREFIX,
    VERSION,
    FoldState,
    NormState,
    OneFold,
)


def is_folded(model: nn.Module) -> bool:
    """Whether a model has anything that `unfold` can undo.

    Example:
        >>> is_folded(nn.BatchNorm1d(2))
        False
    """
    return any(STASH in vars(module) for module in original(model)[0].modules())


def fold_state(model: nn.Module) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """Return what a folded model is: values for JSON, and tensors, the folded ones and those that they replaced.

    The tensors are those of `model.state_dict()`, and what the folds have replaced, each under its own name behind a
    prefix (`unfold.0.` for the first fold); also buffers that are not persistent (behind `unfold.buffers.`).
    `restore_fold` makes the model of them again, `unfolded_tensors` the `state_dict` that was there before.

    Raises:
        InputError: nothing is folded, the originals were dropped, or a `state_dict` holds more than tensors.

    Example:
        >>> import torch
        >>> from batchnorm import fold
        >>> net = nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2)).eval()
        >>> _ = fold(net, torch.randn(3, 2))
        >>> state, tensors = fold_state(net)
        >>> sorted(tensors)[:3], state["folds"][0]["norms"][0]["outcome"]
        (['0.bias', '0.weight', 'unfold.0.0.bias'], 'folded')
    """
    module, _ = original(model)
    check_not_dropped(module)
    if not is_folded(module):
        raise InputError(
            verb="fold_state",
            argument="model",
            expected="a model that was folded",
            got="one that was not",
            cure="Call fold(model, ...) first.",
        )
    tensors, buffers = _tensors_of(module, "the model"), hidden_buffers(module)
    prefix = PREFIX
    while any(name.startswith(prefix) for name in (*tensors, *buffers)):
        prefix = f"_{prefix}"
    tensors |= {f"{prefix}{BUFFERS}{name}": buffer.detach() for name, buffer in buffers.items()}
    paths = aliases(module.named_modules(remove_duplicate=False))
    folds: list[OneFold] = []
    found = [(stash, path, inner) for path, inner in module.named_modules() for stash in stashes_of(inner)]
    # In the order in which they were made: each is made again on what those before it had left.
    for number, (stash, path, inner) in enumerate(sorted(found, key=lambda entry: entry[0].number)):
        tensors |= {f"{prefix}{number}.{name}": tensor for name, tensor in _kept(inner, stash).items()}
        tensors |= {f"{prefix}{PLAIN}{number}.{name}": tensor for name, tensor in _held_before(stash)}
        folds.append(_described(paths[path], inner, stash))
    return _in_form(prefix, folds, _trained(found)), tensors


def _in_form(prefix: str, folds: list[OneFold], trained: list[str]) -> dict[str, Any]:
    """The state, as the first version of it that can say all of it."""
    state: FoldState = {"version": 1, "prefix": prefix, "folds": folds}
    if trained:
        state["trained"] = trained
    if trained or any("plain" in fold or "hidden" in fold for fold in folds):
        state["version"] = VERSION
    return dict(state)


def _trained(found: list[tuple[Stash, str, nn.Module]]) -> list[str]:
    """What has been trained since it was folded, by each tensor's last fold."""
    trained: dict[str, None] = {}
    known: set[str] = set()
    for stash, path, inner in sorted(found, key=lambda entry: entry[0].number, reverse=True):
        at = f"{path}." if path else ""
        changed = {f"{at}{name}" for name in changed_since(inner, stash.marks)} - known
        trained |= dict.fromkeys((*stash.trained, *sorted(changed)))
        known |= {f"{at}{name}" for name in stash.marks}
    return [*trained]


def _kept(model: nn.Module, stash: Stash) -> dict[str, Tensor]:
    """What a fold has replaced, by first names in the module that was folded."""
    if any(not before.name for before in stash.plain):
        raise InputError(
            verb="fold_state",
            argument="model",
            expected="a model whose layers have computed weights",
            got="one that is such a layer itself",
            cure="Put it into another module.",
        )
    kept, saved = dict(stash.tensors), model.state_dict().keys() | hidden_buffers(model).keys()
    for name in (*kept, *stash.made):
        if name not in saved:
            raise InputError(
                verb="fold_state",
                argument="model",
                expected="every tensor that was folded into in the model's state_dict",
                got=f"one without {name}",
                cure="Make it a parameter or a buffer that its class saves.",
            )
    for replaced in stash.norms:
        first = replaced.names[0]
        own = _tensors_of(replaced.module, f"the norm {first}") | hidden_buffers(replaced.module)
        kept |= {f"{first}.{key}": tensor for key, tensor in own.items()}
    return kept


def _held_before(stash: Stash) -> Iterator[tuple[str, Tensor]]:
    """What modules held before they were made plain; a bias that was plain before, and folded into, as it was."""
    for before in stash.plain:
        for key, tensor in before.state().items():
            name = f"{before.name}.{key}"
            yield name, stash.tensors.get(name, tensor)


def _tensors_of(module: nn.Module, what: str) -> dict[str, Tensor]:
    """The `state_dict`, if it holds nothing but tensors; quantized layers keep dtypes in it."""
    found = module.state_dict()
    for key, value in found.items():
        if not isinstance(value, Tensor):
            raise InputError(
                verb="fold_state",
                argument="model",
                expected=f"nothing but tensors in the state_dict of {what}",
                got=f"{type(value).__name__} as {key}",
                cure=_CURE,
            )
    return {key: value.detach() for key, value in found.items()}


_CURE = "Save the model as it was before folding, and fold it after loading."


def _described(paths: list[str], model: nn.Module, stash: Stash) -> OneFold:
    names = aliases(named_tensors(model))
    fold: OneFold = {
        "modules": paths,
        "changed": [names[name] for name in stash.tensors],
        "made": [names[name] for name in stash.made],
        "norms": [_described_norm(replaced) for replaced in stash.norms],
    }
    if stash.plain:
        modules = aliases(model.named_modules(remove_duplicate=False))
        fold["plain"] = [modules[before.name] for before in stash.plain]
    hidden = [name for name in stash.tensors if name in hidden_buffers(model)]
    for replaced in stash.norms:
        hidden += [f"{replaced.names[0]}.{name}" for name in hidden_buffers(replaced.module)]
    if hidden:
        fold["hidden"] = hidden
    return fold


def _described_norm(replaced: Replaced) -> NormState:
    rest = replaced.rest
    return {
        "names": [*replaced.names],
        "outcome": replaced.outcome,  # type: ignore[typeddict-item]  # a plan's word
        "is_nothing": rest.is_nothing,
        "is_own": rest.is_own,
        "children": [*rest.children],
    }
