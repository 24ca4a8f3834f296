"""May a forward be left in the middle? Only where all that would have come behind is known to keep nothing."""

from collections.abc import Callable
from functools import partial

import torch
from torch import nn

from ..norms import forward_of

_KNOWN = (
    "batchnorm.models",
    "batchnorm.nn",
    "timm.layers",
    "timm.models",
    "torch.nn.modules",
    "torch.nn.utils.parametrize",
    "torch.nn.utils.parametrizations",
    "torch.optim.swa_utils",
    "torchvision.models",
    "torchvision.ops",
)
"""Whose forwards put nothing back at their end and carry nothing from one batch to the next, in evaluation."""


def may_be_left(model: nn.Module) -> bool:
    """Whether a forward of this model may end anywhere.

    What a forward still has to do may be to give something back: weights that it has exchanged, a context that it has
    entered, a state for the next batch. None of that can be seen from outside while it is under way (it may be kept in
    a global, in a closure, in C), so no comparison of the model before and at that moment would be enough. It is known
    of the modules of torch, of this library, of torchvision and of timm alone: a model that has another one anywhere,
    a hook, or a function of somebody's, runs to its end.
    """
    return not _hooks_everywhere() and all(_is_known(module) for module in model.modules())


def _is_known(module: nn.Module) -> bool:
    kind = type(module)
    if kind.__call__ is not nn.Module.__call__ or "forward" in vars(module):
        return False
    if any(getattr(module, table, None) for table in _HOOKS):
        return False
    run = (kind, kind.__call__, kind._call_impl, forward_of(module), *filter(callable, vars(module).values()))
    return all(map(_is_of_known, run))


def _is_of_known(thing: object) -> bool:
    if isinstance(thing, partial):
        thing = thing.func
    home = getattr(thing, "__module__", None) or type(thing).__module__
    # Functions and classes of torch itself, such as an activation that a module was given, compute and keep nothing.
    return home.startswith(_KNOWN) or home in ("torch", "torch.nn.functional", "torch._C._nn", "torch.nn.init")


_HOOKS = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")


def _hooks_everywhere() -> bool:
    held: Callable[[str], object] = vars(torch.nn.modules.module).get
    return any(held(f"_global{table}") for table in _HOOKS)
