"""What is a copy of a module on which hooks hang for a while? The module without them.

`copy` and `pickle` ask an object for its `__reduce_ex__`. While such hooks hang, the module has one of its own, which
leaves out them and what belongs to them: a copy can be scripted, and a pickle needs no code of this package.
"""

from collections import OrderedDict
from collections.abc import Callable
from typing import Any

from torch import nn

_OWN = ("__reduce_ex__", "_pair", "_tracking", "_blend", "_waiting")
_HOOKS = {
    "_forward_pre_hooks": ("_forward_pre_hooks_with_kwargs",),
    "_forward_hooks": ("_forward_hooks_with_kwargs", "_forward_hooks_always_called"),
}


def keep_out_of_copies(module: nn.Module, passes: Callable[[object], bool]) -> None:
    """Leave some of a module's hooks out of its copies, as long as it has any; to be called when they come and go."""
    if any(passes(hook) for table in _HOOKS for hook in getattr(module, table).values()):
        module.__dict__["__reduce_ex__"] = _Bare(module, passes)
    else:
        module.__dict__.pop("__reduce_ex__", None)


class _Bare:
    """Takes a module apart as its class does, and leaves out what is there for a while."""

    def __init__(self, module: nn.Module, passes: Callable[[object], bool]) -> None:
        self._module, self._passes = module, passes

    def __call__(self, protocol: Any) -> str | tuple[Any, ...]:
        reduced = type(self._module).__reduce_ex__(self._module, protocol)
        if isinstance(reduced, str) or len(reduced) < 3 or not isinstance(reduced[2], dict):
            return reduced
        return (*reduced[:2], self._without(reduced[2]), *reduced[3:])

    def _without(self, state: dict[str, Any]) -> dict[str, Any]:
        left = {key: value for key, value in state.items() if key not in _OWN}
        for table, markings in _HOOKS.items():
            gone = [number for number, hook in left[table].items() if self._passes(hook)]
            for name in (table, *markings):
                left[name] = OrderedDict((key, value) for key, value in left[name].items() if key not in gone)
        return left
