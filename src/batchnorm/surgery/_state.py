"""How is a folded model written down as plain values and tensors, and made again of them, so that `unfold` works?"""

from collections.abc import Iterator, Mapping
from typing import Any, Literal, TypedDict

import torch
from torch import Tensor, nn

from ..nn import ScaleShift
from ..transaction import original
from ..wiring import is_norm
from ._carry_out import stashes_of
from ._operation import Replaced, Stash, tensor_of
from ._rest import Rest
from ._twin import STASH
from ._weights import owner_of

_VERSION = 1
_PREFIX = "unfold."


class _Norm(TypedDict):
    """A replaced norm: all its names, what became of it, and what it did besides (`Rest`)."""

    names: list[str]
    outcome: Literal["folded", "shift", "scale-shifted"]
    is_nothing: bool
    is_own: bool
    children: list[str]


class _Fold(TypedDict):
    """One fold, everything by all its names: the folded module, the changed tensors, the new biases, the norms."""

    modules: list[str]
    changed: list[list[str]]
    made: list[list[str]]
    norms: list[_Norm]


class _State(TypedDict):
    version: int
    prefix: str
    folds: list[_Fold]


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
        ValueError: nothing is folded, a weight was materialized, or a tensor is not saved with the model.

    Example:
        >>> from batchnorm import fold
        >>> net = nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2)).eval()
        >>> _ = fold(net, torch.randn(3, 2))
        >>> state, tensors = fold_state(net)
        >>> sorted(tensors)[:3], state["folds"][0]["norms"][0]["outcome"]
        (['0.bias', '0.weight', 'unfold.0.0.bias'], 'folded')
    """
    module, _ = original(model)
    if not is_folded(module):
        raise ValueError(
            "fold_state: expected a model that was folded, got one that is not. Call fold(model, ...) first."
        )
    tensors = {name: tensor.detach() for name, tensor in module.state_dict().items()}
    prefix = _PREFIX
    while any(name.startswith(prefix) for name in tensors):
        prefix = f"_{prefix}"
    paths = _aliases(module.named_modules(remove_duplicate=False))
    folds: list[_Fold] = []
    # `unfold` goes from outside in; so this is the order in which they are made again.
    for path, inner in reversed([*module.named_modules()]):
        for stash in stashes_of(inner):
            kept = _kept(inner, stash)
            tensors |= {f"{prefix}{len(folds)}.{name}": tensor for name, tensor in kept.items()}
            folds.append(_described(paths[path], inner, stash))
    return {"version": _VERSION, "prefix": prefix, "folds": folds}, tensors


def restore_fold(model: nn.Module, state: object, tensors: dict[str, Tensor]) -> None:
    """Make a freshly built model the folded one that `fold_state` described, in place, with all that `unfold` needs.

    The state says only which norms of the model make room for what is left of them (nothing, a `ScaleShift`, a `Tail`,
    or the norm's own children in a row) and which biases are new: whatever a file says, no other code runs.

    Args:
        model: of the structure before folding, in the mode that the folded model is to have. Its tensors take the
            dtypes of those that are given. After an error it is of no use: build another.
        state: of `fold_state`, or what a file says is one.
        tensors: of `fold_state`.

    Raises:
        ValueError: state, tensors and model do not fit each other.

    Example:
        >>> from batchnorm import fold, unfold
        >>> net, other = (nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2)).eval() for _ in range(2))
        >>> x = torch.randn(3, 2)
        >>> before = net(x)
        >>> _ = fold(net, x)
        >>> restore_fold(other, *fold_state(net))
        >>> torch.equal(other(x), net(x)), unfold(other), torch.equal(other(x), before)
        (True, ('1',), True)
    """
    prefix, folds = _read(state)
    own = _own(tensors, prefix)
    take_dtypes(model, own)
    try:
        for number, fold in enumerate(folds):
            inner = model.get_submodule(fold["modules"][0])
            stash = _restored(inner, fold, _behind(tensors, f"{prefix}{number}."))
            vars(inner)[STASH] = [*stashes_of(inner), stash]
        take_dtypes(model, own)
        model.load_state_dict(own)
    except (AttributeError, LookupError, RuntimeError, TypeError) as error:
        raise _misfit(error) from error


def unfolded_tensors(state: object, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return the `state_dict` of the model as it was before it was folded; no model is needed for it.

    Args:
        state: of `fold_state`, or what a file says is one.
        tensors: of `fold_state`.

    Raises:
        ValueError: both do not fit each other.

    Example:
        >>> from batchnorm import fold
        >>> net = nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2)).eval()
        >>> weight = net[0].weight.clone()
        >>> _ = fold(net, torch.randn(3, 2))
        >>> before = unfolded_tensors(*fold_state(net))
        >>> torch.equal(before["0.weight"], weight), sorted(before)[-2:]
        (True, ['1.running_var', '1.weight'])
    """
    prefix, folds = _read(state)
    found = _own(tensors, prefix)
    for number, fold in reversed([*enumerate(folds)]):
        kept = _behind(tensors, f"{prefix}{number}.")
        for path in fold["modules"]:
            at = f"{path}." if path else ""
            replaced = tuple(f"{at}{name}." for norm in fold["norms"] for name in norm["names"])
            made = {f"{at}{name}" for names in fold["made"] for name in names}
            found = {key: value for key, value in found.items() if key not in made and not key.startswith(replaced)}
            found |= {f"{at}{name}": tensor for name, tensor in _replaced_by(fold, kept)}
    return found


def _replaced_by(fold: _Fold, kept: dict[str, Tensor]) -> Iterator[tuple[str, Tensor]]:
    """What a fold has replaced, by all names."""
    for names in fold["changed"]:
        if names[0] not in kept:
            raise _misfit(f"{names[0]} is missing")
        yield from ((name, kept[names[0]]) for name in names)
    for norm in fold["norms"]:
        for key, tensor in _behind(kept, f"{norm['names'][0]}.").items():
            yield from ((f"{name}.{key}", tensor) for name in norm["names"])


def _kept(model: nn.Module, stash: Stash) -> dict[str, Tensor]:
    """What a fold has replaced, by first names in the module that was folded."""
    if stash.plain:
        names = ", ".join(before.name or "the model" for before in stash.plain)
        raise ValueError(
            f"fold_state: expected a model folded without materialize=True, got one with: the weight of {names} was "
            "computed in each call, and a file cannot hold how. Unfold it, take the parametrizations off "
            "(torch.nn.utils.parametrize.remove_parametrizations), and fold it again without materialize."
        )
    kept, saved = dict(stash.tensors), model.state_dict().keys()
    for name in (*kept, *stash.made):
        if name not in saved:
            raise ValueError(
                f"fold_state: expected all that was folded into in the model's state_dict, got none of {name}. Make it "
                "a parameter or a persistent buffer."
            )
    for replaced in stash.norms:
        first = replaced.names[0]
        kept |= {f"{first}.{key}": tensor for key, tensor in _saved(replaced.module, f"the norm {first}").items()}
    return kept


def _saved(module: nn.Module, what: str) -> dict[str, Tensor]:
    """The `state_dict`, if it holds nothing but tensors, and all that the module itself has."""
    found = module.state_dict()
    odd = [key for key, value in found.items() if not isinstance(value, Tensor)]
    odd += [name for name, _ in module.named_buffers(recurse=False) if name not in found]
    if odd:
        raise ValueError(
            f"fold_state: expected every buffer in the state_dict of {what}, and nothing but tensors, which is not so "
            f"for {odd[0]}. Save the model as it was, and fold it when it has been loaded."
        )
    return {key: value.detach() for key, value in found.items()}


def _described(paths: list[str], model: nn.Module, stash: Stash) -> _Fold:
    names = _aliases(_named_tensors(model))
    return {
        "modules": paths,
        "changed": [names[name] for name in stash.tensors],
        "made": [names[name] for name in stash.made],
        "norms": [_described_norm(replaced) for replaced in stash.norms],
    }


def _described_norm(replaced: Replaced) -> _Norm:
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


def _named_tensors(module: nn.Module) -> Iterator[tuple[str, Tensor]]:
    yield from module.named_parameters(remove_duplicate=False)
    yield from module.named_buffers(remove_duplicate=False)


def _restored(model: nn.Module, fold: _Fold, kept: dict[str, Tensor]) -> Stash:
    """Give a module the structure that it had after one fold, and return what undoes that."""
    norms = [_replace(model, norm, kept) for norm in fold["norms"]]
    for names in fold["made"]:
        _make_bias(model, names[0])
    changed = {}
    for names in fold["changed"]:
        if names[0] not in kept:
            raise _misfit(f"{names[0]} as it was is missing")
        present, before = tensor_of(model, names[0]), kept[names[0]]
        if present.shape != before.shape:
            raise _misfit(f"{names[0]} has the shape {tuple(present.shape)}, and had {tuple(before.shape)} before")
        changed[names[0]] = before.to(present.device)
    return Stash(changed, [names[0] for names in fold["made"]], norms)


def _replace(model: nn.Module, described: _Norm, kept: dict[str, Tensor]) -> Replaced:
    """Give a norm what it had, and put what is left of it into its place."""
    first = described["names"][0]
    norm = model.get_submodule(first)
    if not first or not is_norm(norm) or any(model.get_submodule(name) is not norm for name in described["names"]):
        raise _misfit(f"{first or 'the model itself'} is no batch norm whose place could be taken")
    before = _behind(kept, f"{first}.")
    take_dtypes(norm, before)
    norm.load_state_dict(before)
    mean = norm.get_buffer("running_mean")
    scale = mean if described["outcome"] == "scale-shifted" else None
    rest = Rest(described["is_nothing"], described["is_own"], tuple(described["children"]))
    stands = rest.of(norm, None if described["outcome"] == "folded" else ScaleShift(scale, mean))
    stands.training = norm.training
    for name in described["names"]:
        path, _, last = name.rpartition(".")
        model.get_submodule(path)._modules[last] = stands
    return Replaced(tuple(described["names"]), norm, described["outcome"], rest)


def _make_bias(model: nn.Module, name: str) -> None:
    owner, last = owner_of(model, name)
    layer = isinstance(owner, nn.Linear | nn.modules.conv._ConvNd)
    if not layer or last != "bias" or owner._parameters.get(last, ()) is not None:
        raise _misfit(f"{name} is no bias that a layer could get")
    weight = owner.get_parameter("weight")
    count = int(getattr(owner, "out_features" if isinstance(owner, nn.Linear) else "out_channels"))
    made = torch.zeros(count, dtype=weight.dtype, device=weight.device)
    owner._parameters[last] = nn.Parameter(made, requires_grad=weight.requires_grad)


def take_dtypes(module: nn.Module, tensors: Mapping[str, Tensor]) -> None:
    """Give the parameters and buffers of a module the dtypes of the tensors of their names, so that no bit is lost.

    Example:
        >>> layer = nn.Linear(1, 1)
        >>> take_dtypes(layer, {"weight": torch.zeros(1, 1, dtype=torch.float64)})
        >>> layer.weight.dtype, layer.bias.dtype
        (torch.float64, torch.float32)
    """
    for name, present in _named_tensors(module):
        given = tensors.get(name)
        if given is not None and given.dtype != present.dtype and given.is_floating_point():
            present.data = present.data.to(given.dtype)


def _own(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name: tensor for name, tensor in tensors.items() if not name.startswith(prefix)}


def _behind(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}


def _read(state: object) -> tuple[str, list[_Fold]]:
    """Check that a state has the form that `fold_state` gives it."""
    from typeguard import CollectionCheckStrategy, TypeCheckError, check_type

    if isinstance(state, dict) and state.get("version", _VERSION) != _VERSION:
        raise _misfit(f"the state has version {state['version']}, this batchnorm reads version {_VERSION}")
    try:
        read = check_type(state, _State, collection_check_strategy=CollectionCheckStrategy.ALL_ITEMS)
    except TypeCheckError as error:
        raise _misfit(f"the state is damaged ({error})") from None
    return read["prefix"], read["folds"]


def _misfit(reason: object) -> ValueError:
    return ValueError(
        f"restore_fold: expected the state and the tensors of one folded model, and a model of its kind, but {reason}. "
        "Take a whole copy of the file, and the net that was folded."
    )
