"""How is a folded model made whole again?"""

from torch import nn

from ..transaction import original
from ._carry_out import stashes_of
from ._operation import undo
from ._twin import STASH


def unfold(model: nn.Module) -> tuple[str, ...]:
    """Take every `fold` of a model back, bit for bit, in place: the norms stand where they stood.

    The very modules and the very bits that were there come back. What the folded weights have learned since is lost.

    Args:
        model: a model that `fold` has folded, or that has one inside.

    Returns:
        The names of the norms that are there again.

    Raises:
        ValueError: nothing of the model is folded.

    Example:
        >>> import torch
        >>> from batchnorm import fold, unfold
        >>> net = nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2)).eval()
        >>> before = net[0].weight.clone()
        >>> _ = fold(net, torch.randn(3, 2))
        >>> unfold(net)
        ('1',)
        >>> torch.equal(net[0].weight, before), net[1]
        (True, BatchNorm1d(2, eps=1e-05, momentum=0.1, affine=True, track_running_stats=True))
    """
    if not isinstance(model, nn.Module):
        raise TypeError(f"unfold: expected a torch.nn.Module, got {type(model).__name__}.")
    module, _ = original(model)
    folded = [(name, inner) for name, inner in module.named_modules() if STASH in vars(inner)]
    if not folded:
        raise ValueError(
            "unfold: expected a model that was folded, got one that holds nothing of what it was. A state_dict has the "
            "folded weights alone; `batchnorm fold` writes files that keep what it takes."
        )
    back: dict[str, None] = {}
    for name, inner in folded:
        for stash in reversed(stashes_of(inner)):
            undo(inner, stash)
            for replaced in stash.norms:
                back.setdefault(f"{name}.{replaced.names[0]}".removeprefix("."))
        del vars(inner)[STASH]
    return tuple(back)
