"""What does torch keep for the whole process or thread, and how is it put back when a `with` was left half way?"""

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import overrides
from torch.utils import _python_dispatch

from ._block import close_left

_C: Any = torch._C  # whose stub does not know all of it
_dispatch: Any = _python_dispatch
_overrides: Any = overrides
_autograd: Any = _C._autograd
_DEVICES = ("cpu", "cuda")
_FLAGS = (
    "_is_in_torch_dispatch_mode",
    "_is_in_non_infra_torch_dispatch_mode",
    "_is_in_any_mode_without_ignore_compile_internals",
)
_FOR_EVER: list[object] = []
"""Guards that would take back what they have set if they went away."""


def process_steps() -> list[Callable[[], object]]:
    """Return what makes torch, in this thread, what it is now: each step does nothing where nothing has changed.

    An interrupt that strikes while a `with` of torch's is entered or left leaves what it sets as it is. These put it
    back: the stacks of modes and of hooks for saved tensors, if what is on them now was put on top; whether gradients
    are recorded, inference mode, autocast, the default dtype. The last one is to be run first: a mode of somebody's
    hears of every operator.

    Example:
        >>> steps = process_steps()
        >>> _ = torch.no_grad().__enter__()
        >>> _ = [step() for step in steps[::-1]]
        >>> torch.is_grad_enabled()
        True
    """
    return [
        partial(_set_autocast, [(kind, _autocast(kind)) for kind in _DEVICES], torch.is_autocast_cache_enabled()),
        partial(_set_default_dtype, torch.get_default_dtype()),
        partial(_set_grad, torch.is_grad_enabled()),
        partial(_set_inference, torch.is_inference_mode_enabled()),
        partial(_cut_saved_tensors_hooks, _top_saved_tensors_hooks()),
        partial(_set_torch_function_state, _C._get_torch_function_state()),
        partial(_set_dispatch_modes, _dispatch_modes(), [(name, getattr(_dispatch, name)) for name in _FLAGS]),
        partial(_set_function_modes, _overrides._get_current_function_mode_stack()),
        close_left,
    ]


def _set_function_modes(saved: list[Any]) -> None:
    present = _overrides._get_current_function_mode_stack()
    for _ in _above(present, saved):
        _C._pop_torch_function_stack()
    for mode in _above(saved, present):
        _C._push_on_torch_function_stack(mode)


def _dispatch_modes() -> list[Any]:
    # Those with a key are torch's own (fake tensors, tracing), and lie elsewhere.
    modes = _dispatch._get_current_dispatch_mode_stack()
    return [mode for mode in modes if getattr(mode, "_mode_key", None) is None]


def _set_dispatch_modes(saved: list[Any], flags: list[tuple[str, bool]]) -> None:
    present = _dispatch_modes()
    for _ in _above(present, saved):
        _C._pop_torch_dispatch_stack(None)
    for mode in _above(saved, present):
        _C._push_on_torch_dispatch_stack(mode)
    for name, value in flags:
        setattr(_dispatch, name, value)
    _dispatch.set_is_in_mode_without_ignore_compile_internals(flags[-1][1])


def _above(longer: list[Any], shorter: list[Any]) -> list[Any]:
    """What lies on top of the other stack in the one; nothing, where it is not the same stack below."""
    same = len(longer) > len(shorter) and all(a is b for a, b in zip(longer, shorter, strict=False))
    return longer[len(shorter) :] if same else []


def _top_saved_tensors_hooks() -> Any:
    top = _autograd._top_saved_tensors_default_hooks(True)  # while something is traced, too
    return None if top is None else top[0]


def _cut_saved_tensors_hooks(saved: Any) -> None:
    while (top := _top_saved_tensors_hooks()) is not None and top is not saved:
        _autograd._pop_saved_tensors_default_hooks()


def _set_torch_function_state(saved: Any) -> None:
    if _C._get_torch_function_state() != saved:
        _C._set_torch_function_state(saved)


def _set_inference(saved: bool) -> None:  # noqa: FBT001  # torch's
    if torch.is_inference_mode_enabled() != saved:
        guard = _C._InferenceMode(saved)
        _FOR_EVER.append(guard)
        guard.__enter__()


def _set_grad(saved: bool) -> None:  # noqa: FBT001  # torch's
    if torch.is_grad_enabled() != saved:
        torch.set_grad_enabled(saved)


def _set_default_dtype(saved: torch.dtype) -> None:
    if torch.get_default_dtype() != saved:
        torch.set_default_dtype(saved)


def _autocast(kind: str) -> tuple[bool, torch.dtype]:
    return torch.is_autocast_enabled(kind), torch.get_autocast_dtype(kind)


def _set_autocast(saved: list[tuple[str, tuple[bool, torch.dtype]]], cached: bool) -> None:  # noqa: FBT001
    for kind, (enabled, dtype) in saved:
        if _autocast(kind) != (enabled, dtype):
            torch.set_autocast_enabled(kind, enabled)
            torch.set_autocast_dtype(kind, dtype)
    if torch.is_autocast_cache_enabled() != cached:
        torch.set_autocast_cache_enabled(cached)
