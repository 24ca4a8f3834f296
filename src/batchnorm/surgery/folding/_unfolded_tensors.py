"""Which state_dict did a model have before it was folded? No model is needed for it."""

from collections.abc import Iterator

from torch import Tensor

from ._state_form import PLAIN, OneFold, behind, by_owner, misfit, own_tensors, owners_of, read_state


def unfolded_tensors(state: object, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return the `state_dict` of the model as it was before it was folded; no model is needed for it.

    Args:
        state: of `fold_state`, or what a file says is one.
        tensors: of `fold_state`.

    Raises:
        ValueError: both do not fit each other.

    Example:
        >>> import torch
        >>> from torch import nn
        >>> from batchnorm import fold
        >>> from batchnorm.surgery import fold_state
        >>> net = nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2)).eval()
        >>> weight = net[0].weight.clone()
        >>> _ = fold(net, torch.randn(3, 2))
        >>> before = unfolded_tensors(*fold_state(net))
        >>> torch.equal(before["0.weight"], weight), sorted(before)[-2:]
        (True, ['1.running_var', '1.weight'])
    """
    read = read_state(state, tensors)
    prefix = read["prefix"]
    found = own_tensors(tensors, prefix)
    try:
        for number, fold in reversed([*enumerate(read["folds"])]):
            plain = behind(tensors, f"{prefix}{PLAIN}{number}.")
            before = dict(_replaced_by(fold, behind(tensors, f"{prefix}{number}."), plain))
            for path in fold["modules"]:
                found = _with(found, fold, before, f"{path}." if path else "")
    except LookupError as error:
        raise misfit(error) from error
    return found


def _with(found: dict[str, Tensor], fold: OneFold, before: dict[str, Tensor], at: str) -> dict[str, Tensor]:
    """The tensors with those that a fold has replaced, in a module of that path, and without those that it has made."""
    replaced = {f"{at}{name}" for names in (*_norms(fold), *fold.get("plain", ())) for name in names}
    made = {f"{at}{name}" for names in fold["made"] for name in names}
    kept = {key: value for key, value in found.items() if key not in made and replaced.isdisjoint(owners_of(key))}
    return kept | {f"{at}{name}": tensor for name, tensor in before.items()}


def _replaced_by(fold: OneFold, kept: dict[str, Tensor], plain: dict[str, Tensor]) -> Iterator[tuple[str, Tensor]]:
    """What a fold has replaced, by all names, but for what no `state_dict` had."""
    hidden = {*fold.get("hidden", ())}
    made_plain = {name for names in fold.get("plain", ()) for name in names}
    for names in fold["changed"]:
        if names[0] not in kept:
            raise misfit(f"{names[0]} is missing")
        if names[0] not in hidden:
            yield from ((name, kept[names[0]]) for name in names if name.rpartition(".")[0] not in made_plain)
    for tensors, modules in ((kept, _norms(fold)), (plain, fold.get("plain", ()))):
        owned = by_owner(tensors, [names[0] for names in modules])
        for names in modules:
            for key, tensor in owned[names[0]].items():
                if f"{names[0]}.{key}" not in hidden:
                    yield from ((f"{name}.{key}", tensor) for name in names)


def _norms(fold: OneFold) -> list[list[str]]:
    return [norm["names"] for norm in fold["norms"]]
