"""Which part of a model does all that it does, so that the modes around it are nobody's choice?

Averages of weights come in wrappers: a copy of the net, put into evaluation once, in a module that nobody ever switched
and that is in training mode because every new module is. Modes that are mixed in this way freeze nothing. They are told
from modes that somebody has chosen by what the wrapper does: nothing. Its forward gives just what it was given to one
child, and gives back just what that gave, so that its own mode has no effect on anything; or its forward is not run at
all, where a `forward_fn` calls one child by itself. Then the modes of that child count. If these are mixed, somebody
froze a part. If they are all the same, the model is asked by its own `train()`: a wrapper whose `train()` keeps its
child in evaluation says so, and its norms are frozen. A norm is no such child: who puts a norm itself into evaluation
freezes it.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel

from ..calls import Call, leaves_of
from ..transaction import Transaction, transaction
from ._find import is_norm


def acting_module(change: Transaction, call: Call | None) -> nn.Module:
    """Return the module whose modes count, which is the whole model unless it only hands on to a part of it.

    Args:
        change: the transaction that the model is in; the forwards that are tried leave no trace.
        call: how the model is called with a batch; None: then torch's `AveragedModel` alone is known as a wrapper.
    """
    module = change.module
    while has_mixed_modes(module):
        inner = module.module if isinstance(module, AveragedModel) else _handed_on_to(change, module, call)
        if inner is None:
            break
        module = inner
    return module


def has_mixed_modes(module: nn.Module) -> bool:
    """Whether one part of a module is in training mode, and another in evaluation."""
    return len({inner.training for inner in module.modules()}) > 1


@dataclass(slots=True)
class _Seen:
    """The calls of one module: the tensors that went in and came out, each time."""

    given: list[list[int]] = field(default_factory=list)
    gave: list[list[int]] = field(default_factory=list)


def _handed_on_to(change: Transaction, module: nn.Module, call: Call | None) -> nn.Module | None:
    """The one child that did everything in a forward; None if there is none, or nobody knows."""
    if call is None:
        return None
    seen = {id(part): _Seen() for part in (module, *module.children())}
    running: list[int] = []
    alive: list[Any] = []  # so that no tensor gets the id of another

    def entered(part: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        if all(outer == id(module) for outer in running):
            seen[id(part)].given.append(_ids((args, kwargs), alive))
        running.append(id(part))

    def left(part: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any], output: object) -> None:
        running.pop()
        if all(outer == id(module) for outer in running):
            seen[id(part)].gave.append(_ids(output, alive))

    with transaction(change.module) as inner, torch.no_grad():
        for part in (module, *module.children()):
            inner.on_input(part, entered, with_kwargs=True)
            inner.on_output(part, left, with_kwargs=True)
        try:
            inner.evaluate()
            call.copied().run(inner.module)
        except (MemoryError, torch.OutOfMemoryError):
            raise  # says nothing of the model
        except Exception:  # the forward that is looked at next raises it again, and says so
            return None
    return _only_one(module, seen)


def _only_one(module: nn.Module, seen: dict[int, _Seen]) -> nn.Module | None:
    whole = seen[id(module)]
    called = [child for child in _different(module.children()) if seen[id(child)].given]
    if len(called) != 1 or is_norm(called[0]):
        return None
    part = seen[id(called[0])]
    if not whole.given or (len(part.given) == 1 and (part.given, part.gave) == (whole.given, whole.gave)):
        return called[0]
    return None


def _different(modules: Iterable[nn.Module]) -> list[nn.Module]:
    return [*{id(module): module for module in modules}.values()]


def _ids(value: object, alive: list[Any]) -> list[int]:
    """The tensors in something, by identity."""
    tensors = leaves_of(value).tensors
    alive.append((value, tensors))
    return sorted(map(id, tensors))
