"""For how long does a folded model keep what it was, and how is it seen that it has changed since?"""

from functools import partial

from torch import nn

from ...errors import InputError, InputTypeError
from ...transaction import Undo, all_or_nothing, original, verb
from .._twin import STASH
from ._marks import marks_of
from ._stash import Stash, stashes_of

DROPPED = "_batchnorm_folds_dropped"
"""The attribute of a folded model that lets nobody know any more what it was."""


@verb
def drop_originals(model: nn.Module) -> None:
    """Free what a folded model keeps for `unfold`: about half of its memory, and of the size of its pickle.

    Args:
        model: a model that `fold` has folded, or that has one inside. It computes what it did, and can no longer be
            unfolded, nor saved by `save_folded`.

    Raises:
        InputTypeError: no module.
        InputError: nothing of the model is folded, or its originals were dropped before.

    Example:
        >>> import pickle, torch
        >>> from batchnorm import fold
        >>> net = nn.Sequential(nn.Linear(64, 64), nn.BatchNorm1d(64)).eval()
        >>> _ = fold(net, torch.randn(3, 64))
        >>> before = len(pickle.dumps(net))
        >>> drop_originals(net)
        >>> len(pickle.dumps(net)) < 0.6 * before
        True
    """
    if not isinstance(model, nn.Module):
        raise InputTypeError(argument="model", expected="a torch.nn.Module", got=type(model).__name__)
    module, _ = original(model)
    if not any(STASH in vars(inner) for inner in module.modules()):
        check_not_dropped(module)
        raise InputError(
            argument="model",
            expected="a model that was folded",
            got="one that is not, so that there is nothing to let go of",
            cure="Call fold(model, ...) first.",
        )
    with all_or_nothing() as undo:
        let_go(module, undo)


def let_go(model: nn.Module, undo: Undo) -> None:
    """Take from a model and its parts what former folds keep; a mark stays, so that `unfold` can say why it refuses."""
    for module in model.modules():
        if STASH in vars(module):
            undo.add(partial(_set_back, module, vars(module)[STASH], dropped=DROPPED in vars(module)))
            vars(module)[DROPPED] = True
            del vars(module)[STASH]


def check_not_dropped(model: nn.Module) -> None:
    """Raise if a model, or a part of it, was folded and lets nobody know any more what it was.

    Raises:
        InputError: it does not.
    """
    if any(DROPPED in vars(module) for module in model.modules()):
        raise InputError(
            argument="model",
            expected="a folded model that keeps what it was",
            got="one whose originals were dropped (drop_originals, or keep_originals=False)",
            cure="Build the model anew, load its weights, and fold it without that.",
        )


def mark_folds(model: nn.Module) -> None:
    """Note what the tensors of a model, and of its parts, are that have just been folded, or read from a file."""
    found = [(stash, inner) for inner in model.modules() for stash in stashes_of(inner)]
    known: set[int] = set()
    for stash, inner in sorted(found, key=lambda entry: entry[0].number, reverse=True):
        own = {id(tensor) for tensor in (*inner.parameters(), *inner.buffers())}
        if known.isdisjoint(own):  # else an older fold, of what a newer one has changed
            stash.marks = marks_of(inner, _written(inner, stash))
        known |= own


def mark_fold(model: nn.Module) -> None:
    """Note what the tensors of a model are that has just been folded."""
    stash = stashes_of(model)[-1]
    stash.marks = marks_of(model, _written(model, stash))


def _written(model: nn.Module, stash: Stash) -> list[str]:
    """The buffers into which something was folded, and those of what stands in the places of norms."""
    names = [*stash.tensors, *stash.made]
    for replaced in stash.norms:
        first = replaced.names[0]
        names += [f"{first}.{name}" for name, _ in model.get_submodule(first).named_buffers()]
    return names


def _set_back(module: nn.Module, stashes: object, *, dropped: bool) -> None:
    vars(module)[STASH] = stashes
    if not dropped:
        vars(module).pop(DROPPED, None)
