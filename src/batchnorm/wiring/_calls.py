"""Which module was running? Hooks on all of them, behind the hooks that are there."""

from typing import Any

import torch
from torch import nn

from ..calls import leaves_of
from ..norms import has_hooks
from ._events import ModuleCall, values_in
from ._recorder import Recorder


class Calls:
    """Keeps the stack of the calls that are running, and writes down each call."""

    def __init__(self, model: nn.Module) -> None:
        self.stack: list[int] = []
        self._model = model

    def watch(self, recorder: Recorder) -> None:
        """Hang hooks on every module that is written in Python; whoever calls takes them away again."""
        for name, module in self._model.named_modules():
            if isinstance(module, torch.jit.ScriptModule):
                continue
            note = _Note(name, module, self.stack, recorder)
            module.register_forward_pre_hook(note.enter, with_kwargs=True)
            module.register_forward_hook(note.leave, with_kwargs=True, always_call=True)


class _Note:
    """The two hooks of one module; of a copy of it, which a forward may make, they take no notice."""

    def __init__(self, name: str, module: nn.Module, stack: list[int], recorder: Recorder) -> None:
        self._name = name
        self._module = module
        self._before, self._after = _looked_at(module)
        self._stack = stack
        self._recorder = recorder

    def __deepcopy__(self, memo: dict[int, Any]) -> "_Note":
        """Stay one: the recorder holds references to memory that nobody counts but itself."""
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        """Be nothing in a pickle."""
        return _Silent, ()

    def enter(self, module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        if module is not self._module:
            return
        if self._before:
            self._show((args, kwargs))
        args, kwargs = self._recorder.described((args, kwargs))
        seen = self._recorder.seen
        call = ModuleCall(
            len(seen.calls),
            self._name,
            module,
            tuple(self._stack),
            len(seen.operations),
            args,
            kwargs,
        )
        seen.calls.append(call)
        self._stack.append(call.index)

    def leave(self, module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any], result: Any) -> None:
        if module is not self._module:
            return
        if self._after:
            self._show((args, kwargs, result))
        seen = self._recorder.seen
        while self._stack:
            call = seen.calls[self._stack.pop()]
            call.end = len(seen.operations)
            if call.module is module:
                call.result = self._recorder.described(result)
                # An exception on the way out calls the hook, too, without a result.
                call.finished = result is not None
                return

    def _show(self, given: object) -> None:
        """Note which storages somebody else's hooks are given, in whatever they lie."""
        for value in values_in(self._recorder.described(leaves_of(given).tensors)):
            self._recorder.seen.hooked.setdefault(value.storage, self._name)


class _Silent:
    """What the hooks are in a pickle."""

    def enter(self, *given: Any) -> None:
        """Take no notice."""

    def leave(self, *given: Any) -> None:
        """Take no notice."""


def _looked_at(module: nn.Module) -> tuple[bool, bool]:
    """Whether somebody else's hooks are given the module's input, and its output."""
    after = has_hooks(module, "_forward_hooks", "_backward_hooks", "_backward_pre_hooks")
    return after or has_hooks(module, "_forward_pre_hooks"), after
