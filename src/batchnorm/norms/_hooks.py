"""How do policies on the statistics reach norms of others? By one pair of hooks, which a norm has at most once.

Our layers ask by themselves (`nn/_trial.py`). What the hooks do here is the same: the call has moved the buffers,
and what the policies do not let pass is written back.
"""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from ..nn import Forward, Moved, Verdict, is_recomputing, tracking_of
from ._blending import Given, blend_of, blended
from ._evidence import first_tensor


def has_hooks(module: nn.Module, *tables: str) -> bool:
    """Whether there is a hook in these tables that may change, or see, what the module computes in evaluation.

    The pair does neither, unless it blends.
    """
    pair = () if blend_of(module) is not None else (_before, _after)
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
        before = norm.register_forward_pre_hook(_before, with_kwargs=True)
        after = norm.register_forward_hook(_after, with_kwargs=True, always_call=True)
        norm.__dict__["_pair"] = (before, after)
        if type(eps) is float:
            norm.__dict__["eps"] = _Seen(eps)
    elif not needed and "_pair" in norm.__dict__:
        handles: tuple[RemovableHandle, ...] = norm.__dict__.pop("_pair")
        for handle in handles:
            handle.remove()
        for name in ("_waiting", "_tracking", "_blend"):
            norm.__dict__.pop(name, None)
        if type(eps) is _Seen:
            norm.__dict__["eps"] = float(eps)


@dataclass(slots=True)
class _Waiting:
    """A call that has not ended: the buffers as they were, and the momentum that it is to have again."""

    kept: dict[str, Tensor]
    recomputing: bool
    momentum: Any = None
    gathers: bool = False


def _before(norm: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Given | None:
    """Copy what a call in training may move; in evaluation, let the norm go by a mixture if it is to."""
    if not norm.training:
        source = blend_of(norm)
        return None if source is None else blended(norm, source, args, kwargs)
    tracking, recomputing = tracking_of(norm), is_recomputing()
    if tracking is None or not getattr(norm, "track_running_stats", True):
        return None
    if tracking.only_lasts and not recomputing and not torch.compiler.is_compiling():
        return None  # all that it could say is what has been asked
    kept = {name: buffer.detach().clone() for name, buffer in norm._buffers.items() if buffer is not None}
    call = _Waiting(kept, recomputing)
    if tracking.gathers and not recomputing:
        call.momentum, call.gathers = norm.momentum, True
        norm.momentum = 1.0  # type: ignore[assignment]  # of a norm of torch's kind
    norm.__dict__.setdefault("_waiting", []).append(call)
    return None


def _after(norm: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any], output: object) -> None:
    """Write back what is not to move."""
    if not norm.__dict__.get("_waiting"):
        return
    call: _Waiting = norm.__dict__["_waiting"].pop()
    if call.gathers:
        norm.momentum = call.momentum
    tracking = tracking_of(norm)
    verdict: Verdict = False
    # A call that was left by an error has no output, and counts for nothing.
    if tracking is not None and not call.recomputing and output is not None:
        mean, var = (norm._buffers[name] for name in ("running_mean", "running_var"))
        if mean is not None and var is not None:
            verdict = tracking.judge(norm, Moved(mean.detach(), var.detach(), _count(norm, first_tensor(args, kwargs))))
    if verdict is not True:
        _write(norm, call.kept, verdict)


def _write(norm: nn.Module, kept: dict[str, Tensor], verdict: Verdict) -> None:
    """By way of `.data`: a graph keeps the buffers for its backward, which in training does not read them."""
    for name, before in kept.items():
        now = norm._buffers[name]
        if now is not None:
            now.data.copy_(before if verdict is False else torch.where(torch.as_tensor(verdict), now, before))


def _count(norm: nn.Module, x: Tensor | None) -> int | Tensor:
    """How many values of each channel a batch has; of a synchronized norm, in all processes."""
    count = 0 if x is None or x.dim() < 2 else x.numel() // max(x.shape[1], 1)
    if x is None or not isinstance(norm, nn.SyncBatchNorm) or not torch.distributed.is_initialized():
        return count
    counted = torch.tensor(count, device=x.device)
    torch.distributed.all_reduce(counted, group=norm.process_group)
    return counted
