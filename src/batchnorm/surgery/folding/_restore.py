"""How is a folded model made again of what was written down, so that `unfold` works?"""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from ...errors import InputError
from ...nn import Forward, ScaleShift
from ...norms import is_norm
from .._actions import PutModule
from .._names import named_tensors, owner_of, tensor_of
from .._twin import STASH
from ._hidden import load_all, set_hidden
from ._keep import mark_folds
from ._materialize import Before, before_of, is_computed, make_plain
from ._rest import Rest
from ._stash import Replaced, Stash, stashes_of
from ._state_form import (
    BUFFERS,
    PLAIN,
    MisfitError,
    NormState,
    OneFold,
    behind,
    by_owner,
    is_of_kind,
    misfit,
    own_tensors,
    read_state,
)


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
        InputError: state, tensors and model do not fit each other.

    Example:
        >>> from batchnorm import fold, unfold
        >>> from batchnorm.surgery import fold_state
        >>> net, other = (nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2)).eval() for _ in range(2))
        >>> x = torch.randn(3, 2)
        >>> before = net(x)
        >>> _ = fold(net, x)
        >>> restore_fold(other, *fold_state(net))
        >>> torch.equal(other(x), net(x)), unfold(other), torch.equal(other(x), before)
        (True, ('1',), True)
    """
    read = read_state(state, tensors)
    prefix = read["prefix"]
    own, buffers = own_tensors(tensors, prefix), behind(tensors, f"{prefix}{BUFFERS}")
    take_dtypes(model, own)
    newest: Stash | None = None
    try:
        for number, fold in enumerate(read["folds"]):
            inner = model.get_submodule(fold["modules"][0])
            plain = _made_plain(inner, fold, behind(tensors, f"{prefix}{PLAIN}{number}."))
            newest = _restored(inner, fold, behind(tensors, f"{prefix}{number}."), plain)
            vars(inner)[STASH] = [*stashes_of(inner), newest]
        take_dtypes(model, own)
        model.load_state_dict(own)
        for name, buffer in buffers.items():
            set_hidden(model, name, buffer)
        mark_folds(model)
        if newest is not None:
            newest.trained = read.get("trained", [])
    except MisfitError:
        raise
    except (AttributeError, LookupError, RuntimeError, TypeError, ValueError) as error:
        raise misfit(error) from error


def _made_plain(model: nn.Module, fold: OneFold, held: dict[str, Tensor]) -> list[Before]:
    """Make the modules plain whose weight was computed, with what they held, and return them as they were."""
    found = []
    for names in fold.get("plain", ()):
        module = model.get_submodule(names[0])
        if not is_computed(module):
            raise misfit(f"the weight of {names[0]} is not computed in each call")
        own = behind(held, f"{names[0]}.")
        take_dtypes(module, own)
        module.load_state_dict(own)
        found.append(before_of(names[0], module))
        make_plain(module)
    return found


def _restored(model: nn.Module, fold: OneFold, kept: dict[str, Tensor], plain: list[Before]) -> Stash:
    """Give a module the structure that it had after one fold, and return what undoes that."""
    of_norms = by_owner(kept, [norm["names"][0] for norm in fold["norms"]])
    norms = [_replace(model, norm, of_norms[norm["names"][0]]) for norm in fold["norms"]]
    for names in fold["made"]:
        _make_bias(model, names[0])
    changed = {}
    for names in fold["changed"]:
        if names[0] not in kept:
            raise misfit(f"{names[0]} as it was is missing")
        present, before = tensor_of(model, names[0]), kept[names[0]]
        if present.shape != before.shape:
            raise misfit(f"{names[0]} has the shape {tuple(present.shape)}, and had {tuple(before.shape)} before")
        if not is_of_kind(before, present):
            raise misfit(f"{names[0]} has numbers like {present.dtype}, and had {before.dtype} before")
        changed[names[0]] = before.to(present.device)
    return Stash(changed, [names[0] for names in fold["made"]], norms, plain)


def _replace(model: nn.Module, described: NormState, before: dict[str, Tensor]) -> Replaced:
    """Give a norm what it had, and put what is left of it into its place."""
    first = described["names"][0]
    norm = model.get_submodule(first)
    if not first or not is_norm(norm) or any(model.get_submodule(name) is not norm for name in described["names"]):
        raise misfit(f"{first or 'the model itself'} is no batch norm whose place could be taken")
    if described["is_own"] and not isinstance(norm, Forward):
        kind = type(norm)
        raise misfit(
            f"{first} is a {kind.__name__} of {kind.__module__.partition('.')[0]}, and was a layer of batchnorm.nn",
            "Call batchnorm.convert on the model first, as before it was folded.",
        )
    take_dtypes(norm, before)
    load_all(norm, before)
    mean = norm.get_buffer("running_mean")
    scale = mean if described["outcome"] == "scale-shifted" else None
    rest = Rest(described["is_nothing"], described["is_own"], tuple(described["children"]))
    stands = rest.of(norm, None if described["outcome"] == "folded" else ScaleShift(scale, mean))
    stands.training = norm.training
    PutModule(tuple(described["names"]), stands).do(model)
    return Replaced(tuple(described["names"]), norm, described["outcome"], rest)


def _make_bias(model: nn.Module, name: str) -> None:
    owner, last = owner_of(model, name)
    layer = isinstance(owner, nn.Linear | nn.modules.conv._ConvNd)
    if not layer or last != "bias" or owner._parameters.get(last, ()) is not None:
        raise misfit(f"{name} is no bias that a layer could get")
    weight = owner.get_parameter("weight")
    count = int(getattr(owner, "out_features" if isinstance(owner, nn.Linear) else "out_channels"))
    made = torch.zeros(count, dtype=weight.dtype, device=weight.device)
    owner._parameters[last] = nn.Parameter(made, requires_grad=weight.requires_grad)


def take_dtypes(module: nn.Module, tensors: Mapping[str, Tensor]) -> None:
    """Give the parameters and buffers of a module the dtypes of the tensors of their names, so that no bit is lost.

    Whole numbers need no gradient: a parameter that is to hold them requires none afterwards.

    Example:
        >>> layer = nn.Linear(1, 1)
        >>> take_dtypes(layer, {"weight": torch.zeros(1, 1, dtype=torch.float64)})
        >>> layer.weight.dtype, layer.bias.dtype
        (torch.float64, torch.float32)
    """
    for name, present in named_tensors(module):
        given = tensors.get(name)
        if given is not None and given.dtype != present.dtype:
            if not given.is_floating_point() and not given.is_complex():
                present.requires_grad_(False)
            values = present.data.real if present.is_complex() and not given.is_complex() else present.data
            present.data = values.to(given.dtype)


def check_kinds(module: nn.Module, tensors: Mapping[str, Tensor]) -> None:
    """Raise if a tensor holds numbers of another kind than the module's of its name: what copies them would not.

    Raises:
        InputError: an integer stands for a real number, a complex one for a real one, or the other way round; or real
            numbers have so few bits that no layer computes with them.

    Example:
        >>> check_kinds(nn.Linear(1, 1), {"bias": torch.zeros(1, dtype=torch.int32)})
        Traceback (most recent call last):
        batchnorm.errors.InputError: expected numbers like torch.float32 for bias, got torch.int32
    """
    for name, present in named_tensors(module):
        given = tensors.get(name)
        if given is not None and not is_of_kind(given, present):
            raise InputError(expected=f"numbers like {present.dtype} for {name}", got=str(given.dtype))
