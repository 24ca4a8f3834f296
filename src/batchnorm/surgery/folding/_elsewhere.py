"""Which modules may be called by another way than their place in the model, where nothing could be put instead?"""

from collections.abc import Iterator

from torch import nn

from ...calls import leaves_of
from .._twin import STASH

_PLACES = ("_modules", "_parameters", "_buffers", STASH)


def held_elsewhere(model: nn.Module) -> dict[int, str]:
    """The modules that others hold in attributes, lists, hooks, or what functions hold, by their ids, with the path.

    Example:
        >>> net = nn.Sequential(nn.BatchNorm1d(2))
        >>> net.order = [net[0]]
        >>> held_elsewhere(net)[id(net[0])]
        'order[0]'
    """
    found: dict[int, str] = {}
    for module, path in _found(model):
        found.setdefault(id(module), path)
    return found


def _found(model: nn.Module) -> Iterator[tuple[nn.Module, str]]:
    walked: dict[int, object] = {}  # a configuration is held by every module
    for name, module in model.named_modules():
        for attribute, value in vars(module).items():
            if attribute in _PLACES or id(value) in walked:
                continue
            walked[id(value)] = value
            for part in leaves_of(value).closed:
                # Its own method, set on itself, is no other way.
                if isinstance(part.value, nn.Module) and part.value is not module:
                    yield part.value, f"{name}.{attribute}{part.path}".removeprefix(".")
