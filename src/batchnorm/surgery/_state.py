"""How is a folded model written down as plain values and tensors, and what was there before?"""

from collections.abc import Iterator
from typing import Any

from torch import Tensor, nn

from ..errors import ForPython, InputError, Setting
from ..transaction import original
from ._carry_out import stashes_of
from ._stash import Replaced, Stash
from ._state_form import (
    PREFIX,
    VERSION,
    NormState,
    OneFold,
    behind,
    by_owner,
    misfit,
    named_tensors,
    own_tensors,
    owners_of,
    read_state,
)
from ._twin import STASH


def is_folded(model: nn.Module) -> bool:
    """Whether `unfold` has something to take back.

    Example:
        >>> is_folded(nn.BatchNorm1d(2))
        False
    """
    return any(STASH in vars(module) for module in original(model)[0].modules())


def fold_state(model: nn.Module) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """Return what a folded model is: values for JSON, and tensors, the folded ones and those that they replaced.

    The tensors are those of `model.state_dict()`, and what the folds have replaced, each under its own name behind a
    prefix (`unfold.0.` for the first fold). `restore_fold` makes the model of them again, `unfolded_tensors` the
    `state_dict` that was there before.

    Raises:
        InputError: nothing is folded, a weight was materialized, or a tensor is not saved with the model.

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
    if not is_folded(module):
        raise InputError(
            verb="fold_state",
            argument="model",
            expected="a model that was folded",
            got="one that was not",
            cure="Call fold(model, ...) first.",
        )
    tensors = _tensors_of(module, "the model")
    prefix = PREFIX
    while any(name.startswith(prefix) for name in tensors):
        prefix = f"_{prefix}"
    paths = _aliases(module.named_modules(remove_duplicate=False))
    folds: list[OneFold] = []
    found = [(stash, path, inner) for path, inner in module.named_modules() for stash in stashes_of(inner)]
    # In the order in which they were made: each is made again on what those before it had left.
    for number, (stash, path, inner) in enumerate(sorted(found, key=lambda entry: entry[0].number)):
        tensors |= {f"{prefix}{number}.{name}": tensor for name, tensor in _kept(inner, stash).items()}
        folds.append(_described(paths[path], inner, stash))
    return {"version": VERSION, "prefix": prefix, "folds": folds}, tensors


def unfolded_tensors(state: object, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return the `state_dict` of the model as it was before it was folded; no model is needed for it.

    Args:
        state: of `fold_state`, or what a file says is one.
        tensors: of `fold_state`.

    Raises:
        ValueError: both do not fit each other.

    Example:
        >>> import torch
        >>> from batchnorm import fold
        >>> net = nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2)).eval()
        >>> weight = net[0].weight.clone()
        >>> _ = fold(net, torch.randn(3, 2))
        >>> before = unfolded_tensors(*fold_state(net))
        >>> torch.equal(before["0.weight"], weight), sorted(before)[-2:]
        (True, ['1.running_var', '1.weight'])
    """
    prefix, folds = read_state(state, tensors)
    found = own_tensors(tensors, prefix)
    try:
        for number, fold in reversed([*enumerate(folds)]):
            before = dict(_replaced_by(fold, behind(tensors, f"{prefix}{number}.")))
            for path in fold["modules"]:
                found = _with(found, fold, before, f"{path}." if path else "")
    except LookupError as error:
        raise misfit(error) from error
    return found


def _with(found: dict[str, Tensor], fold: OneFold, before: dict[str, Tensor], at: str) -> dict[str, Tensor]:
    """The tensors with those that a fold has replaced, in a module of that path, and without those that it has made."""
    replaced = {f"{at}{name}" for norm in fold["norms"] for name in norm["names"]}
    made = {f"{at}{name}" for names in fold["made"] for name in names}
    kept = {key: value for key, value in found.items() if key not in made and replaced.isdisjoint(owners_of(key))}
    return kept | {f"{at}{name}": tensor for name, tensor in before.items()}


def _replaced_by(fold: OneFold, kept: dict[str, Tensor]) -> Iterator[tuple[str, Tensor]]:
    """What a fold has replaced, by all names."""
    for names in fold["changed"]:
        if names[0] not in kept:
            raise misfit(f"{names[0]} is missing")
        yield from ((name, kept[names[0]]) for name in names)
    of_norms = by_owner(kept, [norm["names"][0] for norm in fold["norms"]])
    for norm in fold["norms"]:
        for key, tensor in of_norms[norm["names"][0]].items():
            yield from ((f"{name}.{key}", tensor) for name in norm["names"])


def _kept(model: nn.Module, stash: Stash) -> dict[str, Tensor]:
    """What a fold has replaced, by first names in the module that was folded."""
    if stash.plain:
        names = ", ".join(before.name or "the model" for before in stash.plain)
        raise InputError(
            verb="fold_state",
            argument="model",
            expected=("a model folded without ", Setting("materialize", True)),
            got=f"one in which the weight of {names} was computed in each call; a file cannot hold how",
            cure=(
                "Unfold it, remove the parametrizations",
                ForPython(" (torch.nn.utils.parametrize.remove_parametrizations)"),
                ", and fold it again without ",
                Setting("materialize"),
                ".",
            ),
        )
    kept, saved = dict(stash.tensors), model.state_dict().keys()
    for name in (*kept, *stash.made):
        if name not in saved:
            raise InputError(
                verb="fold_state",
                argument="model",
                expected="every tensor that was folded into in the model's state_dict",
                got=f"one without {name}",
                cure="Make it a parameter or a persistent buffer.",
            )
    for replaced in stash.norms:
        first = replaced.names[0]
        kept |= {f"{first}.{key}": tensor for key, tensor in _saved(replaced.module, f"the norm {first}").items()}
    return kept


def _saved(module: nn.Module, what: str) -> dict[str, Tensor]:
    """The `state_dict`, if it holds nothing but tensors, and all that the module itself has."""
    found = _tensors_of(module, what)
    missing = [name for name, _ in module.named_buffers(recurse=False) if name not in found]
    if missing:
        raise InputError(
            verb="fold_state",
            argument="model",
            expected=f"every buffer in the state_dict of {what}",
            got=f"one without {missing[0]}",
            cure=_CURE,
        )
    return found


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
    names = _aliases(named_tensors(model))
    return {
        "modules": paths,
        "changed": [names[name] for name in stash.tensors],
        "made": [names[name] for name in stash.made],
        "norms": [_described_norm(replaced) for replaced in stash.norms],
    }


def _described_norm(replaced: Replaced) -> NormState:
    rest = replaced.rest
    return {
        "names": [*replaced.names],
        "outcome": replaced.outcome,  # type: ignore[typeddict-item]  # a plan's word
        "is_nothing": rest.is_nothing,
        "is_own": rest.is_own,
        "children": [*rest.children],
    }


def _aliases(named: Iterator[tuple[str, Any]]) -> dict[str, list[str]]:
    """For each name those that the same object has, that name first."""
    found: dict[int, list[str]] = {}
    for name, thing in named:
        found.setdefault(id(thing), []).append(name)
    return {name: [name, *(other for other in names if other != name)] for names in found.values() for name in names}
