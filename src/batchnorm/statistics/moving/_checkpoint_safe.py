"""How do a model's statistics move once where activation checkpointing runs its forwards twice?"""

from torch import nn

from ...errors import InputTypeError, its_type
from ...norms import Filter, as_checkpoint_safe_as_now, choose, set_checkpoint_safe
from ...transaction import all_or_nothing, verb


@verb
def checkpoint_safe(
    model: nn.Module,
    *,
    enabled: bool = True,
    filter_fn: Filter | None = None,
) -> int:
    """Let running statistics move once for each batch where activation checkpointing runs forwards again.

    `torch.utils.checkpoint` saves memory by running a part of the forward once more in the backward, and each run moves
    the running statistics: twice for every batch, so that momentum 0.1 acts as 0.19. The layers of this library leave
    their statistics alone in the second run, always. This function gives the same to every other batch norm of a
    model, by a pair of hooks, until `checkpoint_safe(model, enabled=False)`. It works for both variants of torch,
    reentrant or not, one inside the other, and under DistributedDataParallel. Code in which `torch.compile` has
    compiled the checkpoint, too, moves statistics once without it; where parts are compiled each by itself, inside a
    checkpoint, the layers of this library need it as all others do.

    The second run is known by the backward that is under way: so a forward of your own that you call inside a backward,
    such as in a hook on a tensor, moves no statistics either. If it is to, `checkpoint_safe(model, enabled=False)`
    switches that off, for this library's layers, too.

    The state belongs to the modules: copies and pickles of the model have it (a pickle then needs this package), a
    `state_dict` does not.

    Args:
        model: any module with batch norm.
        enabled: whether the second run leaves the statistics alone; False is the inverse of True.
        filter_fn: `filter_fn(module, name)` says of each batch norm whether it is meant; None: all are.

    Returns:
        How many norms there are to which this applies.

    Raises:
        InputTypeError: no module, no bool, or no function.
        InputError: there is no norm, or none that the filter takes, or one is of torch.jit.
        RefusedError: a lazy norm has seen no batch yet; one is of an exported graph, which does not call it.

    Example:
        >>> import torch
        >>> from torch.utils.checkpoint import checkpoint
        >>> norm = nn.BatchNorm1d(1)
        >>> checkpoint_safe(norm)
        1
        >>> x = torch.tensor([[0.0], [2.0]], requires_grad=True)
        >>> checkpoint(norm, x, use_reentrant=False).sum().backward()
        >>> norm.num_batches_tracked
        tensor(1)

    Source: https://github.com/pytorch/pytorch/issues/96136
    """
    if not isinstance(enabled, bool):
        raise InputTypeError(argument="enabled", expected="True or False", got=its_type(enabled))
    chosen = choose(model, filter_fn).norms
    with all_or_nothing() as undo:
        for norm in chosen.values():
            undo.add(as_checkpoint_safe_as_now(norm))
            set_checkpoint_safe(norm, enabled=enabled)
    return len(chosen)
