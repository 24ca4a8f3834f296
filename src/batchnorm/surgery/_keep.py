"""For how long does a folded model keep what it was, and how is it seen that it has changed since?"""

from functools import partial

from torch import nn

from ..errors import InputError, InputTypeError
from ..transaction import Undo, all_or_nothing, original, verb
from ._carry_out import stashes_of
from ._marks import marks_of
from ._twin import DROPPED, STASH


@verb
def drop_originals(model: nn.Module) -> None:
    """Let go of what a folded model keeps for `unfold`: half of its memory, and of its pickle. It cannot be unfolded then.

    Args:
        model: a model that `fold` has folded, or that has one inside; nothing that it computes changes.

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
    """Take what former folds keep from a model and its parts, and leave a word of it, for `unfold` to say why it cannot."""
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


def mark_last_fold(model: nn.Module) -> None:
    """Note what the tensors of a model are that has just been folded."""
    stash = stashes_of(model)[-1]
    stash.marks = marks_of(model, _written(model))


def _written(model: nn.Module) -> list[str]:
    """The buffers into which something was folded, and those of what stands in the places of norms."""
    stash = stashes_of(model)[-1]
    names = [*stash.tensors, *stash.made]
    for replaced in stash.norms:
        first = replaced.names[0]
        names += [f"{first}.{name}" for name, _ in model.get_submodule(first).named_buffers()]
    return names


def _set_back(module: nn.Module, stashes: object, *, dropped: bool) -> None:
    vars(module)[STASH] = stashes
    if not dropped:
        vars(module).pop(DROPPED, None)
