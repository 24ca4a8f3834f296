"""How is a folded model made whole again?"""

from torch import nn

from ..errors import InputError, InputTypeError
from ..transaction import all_or_nothing, all_steps, check_holds_weights, original, verb
from ._carry_out import stashes_of
from ._stash import check_fits, undo
from ._twin import STASH


@verb
def unfold(model: nn.Module) -> tuple[str, ...]:
    """Take every `fold` of a model back, bit for bit, in place: the norms stand where they stood.

    The very modules and the very bits that were there come back. What the folded weights have learned since is lost.
    The norms come back in the dtype and on the device that they had: move the model back first if it was moved; and in
    evaluation, in which they were folded: call `model.train()` again before you train on.
    All or nothing: whatever is raised, Ctrl-C included, the model is folded as before.

    Args:
        model: a model that `fold` has folded, or that has one inside.

    Returns:
        The names of the norms that are there again.

    Raises:
        InputTypeError: no module.
        InputError: nothing of the model is folded.
        RefusedError: modules of it have been exchanged, or its weights sharded, since; then nothing is taken back.

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
        raise InputError(
            argument="model",
            expected="a model that was folded",
            got="one that holds nothing of what it was before",
            cure=(
                "A state_dict has the folded weights alone; `batchnorm fold` writes files that keep what unfolding "
                "needs."
            ),
        )
    found = [(stash, name, inner) for name, inner in folded for stash in stashes_of(inner)]
    for stash, _, inner in found:
        check_fits(inner, stash)
    found.sort(key=lambda entry: entry[0].number, reverse=True)
    with all_or_nothing() as steps:
        steps.add(*all_steps(module))
        for stash, _, inner in found:
            undo(inner, stash)
        for _, inner in folded:
            del vars(inner)[STASH]
    names = (f"{name}.{one.names[0]}".removeprefix(".") for stash, name, _ in found for one in stash.norms)
    return tuple(dict.fromkeys(names))
