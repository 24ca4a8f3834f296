"""How is a folded model made whole again?"""

from torch import nn

from ...errors import InputError, InputTypeError
from ...transaction import all_or_nothing, all_steps, check_holds_weights, original, verb
from .._twin import STASH
from ._follow import freeze_as_train_does
from ._keep import check_not_dropped
from ._stash import check_fits, stashes_of, undo
from ._trained import check_unchanged


@verb
def unfold(model: nn.Module, *, discard: bool = False) -> tuple[str, ...]:
    """Undo `fold` in place: every norm layer is back in its place, and every weight has the bits that it had before.

    The original modules and bits are restored, in the state that the model has now. If it was moved or converted since,
    weights and norm layers follow (a half has fewer bits). Each norm layer takes the mode of the module in its place,
    or stays in evaluation if the model's own `train()` keeps it there. If all weights that absorbed norm layers have
    been frozen or unfrozen since, so are the norm layers. Whatever is not part of a fold stays as it is now. All or
    nothing: whatever is raised, Ctrl-C included, the model is folded as before.

    Args:
        model: a model that `fold` has folded, or that has one inside.
        discard: take it back also if the model was trained since; what the folded weights have learned is lost.

    Returns:
        The names of the norms that are there again.

    Raises:
        InputTypeError: no module.
        InputError: nothing of the model is folded, or its originals were dropped.
        RefusedError: the model was trained since it was folded, modules of it have been exchanged, or its weights
            sharded; then nothing is taken back.

    Example:
        >>> import torch
        >>> from batchnorm import fold, unfold
        >>> net = nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2)).eval()
        >>> before = net[0].weight.clone()
        >>> _ = fold(net, torch.randn(3, 2))
        >>> unfold(net)
        ('1',)
        >>> torch.equal(net[0].weight, before), type(net[1]).__name__
        (True, 'BatchNorm1d')
    """
    if not isinstance(model, nn.Module):
        raise InputTypeError(argument="model", expected="a torch.nn.Module", got=type(model).__name__)
    check_holds_weights(model, "unfold")
    module, _ = original(model)
    folded = [(name, inner) for name, inner in module.named_modules() if STASH in vars(inner)]
    if not folded:
        check_not_dropped(module)
        raise InputError(
            argument="model",
            expected="a model that was folded",
            got="one that holds nothing of what it was before",
            cure=(
                "A state_dict has the folded weights alone; save_folded and `batchnorm fold` keep what unfolding needs."
            ),
        )
    found = [(stash, name, inner) for name, inner in folded for stash in stashes_of(inner)]
    for stash, _, inner in found:
        check_fits(inner, stash)
    found.sort(key=lambda entry: entry[0].number, reverse=True)
    norms = [replaced.module for stash, _, _ in found for replaced in stash.norms]
    with all_or_nothing() as steps:
        steps.add(*(step for part in (module, *norms) for step in all_steps(part)))
        for stash, _, inner in found:
            if not discard:
                check_unchanged(inner, stash)
            undo(inner, stash)
        freeze_as_train_does(module, norms)
        for _, inner in folded:
            del vars(inner)[STASH]
    names = (f"{name}.{one.names[0]}".removeprefix(".") for stash, name, _ in found for one in stash.norms)
    return tuple(dict.fromkeys(names))
