"""A copy of somebody's net, or the reason why there is none."""

import copy
from collections.abc import Iterator

from torch import Tensor, nn

from ..errors import InputError
from ..files import one_line


def copied(net: nn.Module) -> nn.Module:
    """Return a copy of a net with memory of its own.

    A tensor that was computed and is kept beside the parameters (`torch.nn.utils.weight_norm` does that) is copied
    without its history: `copy.deepcopy` refuses one that has any.

    Raises:
        InputError: the net holds something that cannot be copied.

    Example:
        >>> net = nn.Linear(2, 1)
        >>> net.last = net.weight * 2
        >>> copied(net).last.requires_grad
        False
    """
    computed = (tensor for module in net.modules() for tensor in _computed(vars(module)))
    try:
        return copy.deepcopy(net, {id(tensor): tensor.detach().clone() for tensor in computed})
    except Exception as error:  # whatever the objects in somebody's net raise
        said = f"{type(error).__name__}: {one_line(str(error), 500)}"
        raise InputError(f"the net cannot be copied: copy.deepcopy raised {said}") from error


def _computed(value: object) -> Iterator[Tensor]:
    """Give the tensors with a history in plain containers; other modules are not looked into."""
    if isinstance(value, Tensor):
        if value.grad_fn is not None:
            yield value
    elif isinstance(value, dict):
        for entry in value.values():
            yield from _computed(entry)
    elif isinstance(value, list | tuple):
        for entry in value:
            yield from _computed(entry)
