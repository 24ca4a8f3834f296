"""How do policies on the statistics reach norms of others? By one pair of hooks, which a norm has at most once.

Our layers ask by themselves (`nn/_trial.py`). What the hooks do here is the same: the call has moved the buffers,
and what the policies do not let pass is written back.
"""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from ..functional import Blend
from ..nn import Forward, Moved, Verdict, bare, is_recomputing, tracking_of, uncounted
from ._bare import keep_out_of_copies
from ._blending import Given, blend_of, blended, blended_anew, is_too_coarse
from ._evidence import first_tensor

_STATISTICS = ("running_mean", "running_var")


def has_hooks(module: nn.Module, *tables: str) -> bool:
    """Whether there is a hook in these tables that may change, or see, what the module computes in evaluation.

    The pair does neither, unless it blends.
    """
    pair = () if blend_of(module) is not None else (before_call, after_call)
    return any(hook not in pair for table in tables for hook in (getattr(module, table, None) or {}).values())


class _Seen(float):
    """An `eps` that is the same number, and another object.

    Compiled code looks for hooks only when it is compiled. It does look at the numbers of a module, and at their class:
    so it is compiled anew when the hooks come, and the old code is taken again when they have gone.
    """

    def __reduce__(self) -> tuple[type[float], tuple[float]]:
        return float, (float(self),)


def hang(norm: nn.Module) -> None:
    """Hang the pair of hooks where it is needed, and only there."""
    if isinstance(norm, Forward):
        return
    eps = norm.__dict__.get("eps")
    needed = tracking_of(norm) is not None or blend_of(norm) is not None
    if needed and "_pair" not in norm.__dict__:
        before = norm.register_forward_pre_hook(before_call, with_kwargs=True)
        # Before the hooks that see, or change, what the norm gives.
        after = norm.register_forward_hook(after_call, with_kwargs=True, always_call=True, prepend=True)
        norm.__dict__["_pair"] = (before, after)
        if type(eps) is float:
            norm.__dict__["eps"] = _Seen(eps)
    elif not needed and "_pair" in norm.__dict__:
        handles: tuple[RemovableHandle, ...] = norm.__dict__.pop("_pair")
        for handle in handles:
            handle.remove()
        _end_interrupted(norm)
        for name in ("_tracking", "_blend"):
            norm.__dict__.pop(name, None)
        if type(eps) is _Seen:
            norm.__dict__["eps"] = float(eps)
    held = tracking_of(norm)
    keep_out_of_copies(norm, _is_of_the_pair if held is None or not held.lasts else _stays)


def _is_of_the_pair(hook: object) -> bool:
    return hook in (before_call, after_call)


def _stays(hook: object) -> bool:
    """Where a copy has a policy, too, it needs the pair."""
    return False


@dataclass(slots=True)
class _Waiting:
    """A call that has not ended: the buffers as they were, and the momentum that it is to have again."""

    kept: dict[str, Tensor]
    momentum: Any
    recomputing: bool
    gathers: bool


def before_call(norm: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Given | None:
    """Copy what a call in training may move; in evaluation, let the norm go by a mixture if it is to."""
    if not norm.training:
        return _before_evaluation(norm, args, kwargs)
    tracking, recomputing = tracking_of(norm), is_recomputing()
    _end_interrupted(norm)
    if tracking is None or not getattr(norm, "track_running_stats", True) or norm._buffers.get("running_mean") is None:
        return None
    if tracking.only_lasts and not recomputing and not torch.compiler.is_compiling():
        return None  # all that it could say is what has been asked
    with uncounted():
        _begin(norm, recomputing=recomputing, gathers=tracking.gathers and not recomputing)
    return None


def _before_evaluation(norm: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Given | None:
    """Let a norm go by a mixture, where its input will do for that; else its output is computed anew."""
    source, x = _mixed(norm, args, kwargs), first_tensor(args, kwargs)
    if source is None or x is None or is_too_coarse(norm, x):
        return None
    return blended(norm, source, x, args, kwargs)


def _mixed(norm: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Blend | None:
    held = all(norm._buffers.get(name) is not None for name in _STATISTICS)
    return blend_of(norm) if held and first_tensor(args, kwargs) is not None else None


def _begin(norm: Any, *, recomputing: bool, gathers: bool) -> None:
    """Keep the state that a call may move, and let it move by the batch alone where its moments are wanted."""
    kept = {name: buffer.detach().clone() for name, buffer in norm._buffers.items() if buffer is not None}
    momentum = norm.momentum if gathers else None
    norm.__dict__["_waiting"] = _Waiting(kept, momentum, recomputing=recomputing, gathers=gathers)
    if gathers:
        # Of a norm of torch's kind, which in training reads no statistics: so NaN in them does not reach the moments.
        norm.momentum = 1.0
        for name in _STATISTICS:
            bare(norm._buffers[name]).zero_()


def after_call(norm: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any], output: object) -> object:
    """Write back what is not to move; in evaluation, compute anew what the input alone could not bring about."""
    call: _Waiting | None = norm.__dict__.pop("_waiting", None)
    if call is None:
        return None if norm.training else _after_evaluation(norm, args, kwargs, output)
    with uncounted():
        _settle(norm, call, first_tensor(args, kwargs), failed=output is None)
    return None


def _after_evaluation(norm: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any], output: object) -> object:
    source, x = _mixed(norm, args, kwargs), first_tensor(args, kwargs)
    if source is None or x is None or not isinstance(output, Tensor) or not is_too_coarse(norm, x):
        return None
    return blended_anew(norm, source, x, args, kwargs).to(output.dtype)


def _settle(norm: nn.Module, call: _Waiting, x: Tensor | None, *, failed: bool) -> None:
    tracking, moved = tracking_of(norm), None
    # A call that was left by an error has no output, and counts for nothing.
    if tracking is not None and not call.recomputing and not failed:
        moved = _moved(norm, x, copied=call.gathers)
    if moved is None or call.gathers:  # put back first, for a window may move the statistics at once
        _put_back(norm, call)
    verdict = tracking.judge(norm, moved) if tracking is not None and moved is not None else False
    if verdict is not True and not call.gathers:
        _write(norm, call.kept, verdict)


def _moved(norm: nn.Module, x: Tensor | None, *, copied: bool) -> Moved | None:
    """What a call has made of the buffers."""
    mean, var = (norm._buffers[name] for name in _STATISTICS)
    if mean is None or var is None:
        return None
    mean, var = mean.detach(), var.detach()
    if not copied:
        return Moved(mean, var, _count(norm, x))
    found = Moved(mean.clone(), var.clone(), _count(norm, x))
    return found if isinstance(norm, nn.SyncBatchNorm) else found.as_read_from(x)


def _put_back(norm: nn.Module, call: _Waiting) -> None:
    """Undo what a call has done to the state of the norm, and what was done for it."""
    if call.gathers:
        norm.momentum = call.momentum
    _write(norm, call.kept, verdict=False)


def _end_interrupted(norm: nn.Module) -> None:
    """Undo a call whose end nobody has heard of: torch calls no hook where Ctrl-C breaks it off."""
    call: _Waiting | None = norm.__dict__.pop("_waiting", None)
    if call is not None:
        _put_back(norm, call)


def _write(norm: nn.Module, kept: dict[str, Tensor], verdict: Verdict) -> None:
    """By way of `.data`: a graph keeps the buffers for its backward, which in training does not read them."""
    for name, before in kept.items():
        now = norm._buffers[name]
        if now is not None:
            bare(now).copy_(before if verdict is False else torch.where(torch.as_tensor(verdict), now, before))


def _count(norm: nn.Module, x: Tensor | None) -> int | Tensor:
    """How many values of each channel a batch has; of a synchronized norm, in all processes."""
    count = 0 if x is None or x.dim() < 2 else x.numel() // max(x.shape[1], 1)
    if x is None or not isinstance(norm, nn.SyncBatchNorm) or not torch.distributed.is_initialized():
        return count
    counted = torch.tensor(count, device=x.device)
    torch.distributed.all_reduce(counted, group=norm.process_group)
    return counted
