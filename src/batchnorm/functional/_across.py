"""What are the moments of a batch whose values lie in several processes? An operator, with its derivative.

    mean = sum of count_r / count * mean_r;  var = sum of count_r / count * (var_r + (mean_r - mean)**2)

One message of every process to all, each way: what comes back to a process's own moments is its share of what all
processes send back. An operator, so that a compiler takes the exchange for a whole, and can neither see into it nor
do it once more.
"""

from collections.abc import Callable
from typing import Any
from weakref import WeakKeyDictionary

import torch
import torch.distributed as dist
from torch import Tensor

from ..errors import RefusedError
from ._messages import BACKWARD, CANNOT, COULD, FORWARD, WANTS, Place, exchange
from ._moments import Moments
from ._transforms import has_tangent, inside_transform
from ._unwatched import is_unwatched

_resolve: Callable[..., dist.ProcessGroup] = dist.distributed_c10d._resolve_process_group  # type: ignore[attr-defined]  # as torch's own operators find one
_NUMBERS: WeakKeyDictionary[dist.ProcessGroup, dict[int, int]] = WeakKeyDictionary()
"""The norms of each group, by what tells them apart in this process, in the order of their first calls."""


def across(own: Moments, group: str, mark: Tensor) -> Moments:
    """The moments of all processes' values together; differentiated, if one of them asks for it.

    Args:
        own: those of this process's values, maybe of none.
        group: the name of a process group; empty for all processes.
        mark: what tells the norm that asks from others in this process, one integer.

    Raises:
        RankError: a process does not come, or is somewhere else.
        RefusedError: inside a transform of torch.func, or in forward mode, of which others would have to hear.
        ValueError: all together have one value per channel, which has no variance.
    """
    mean, var, count = own
    _check_transforms(mean, var)
    unwatched = is_unwatched()
    stance = _stance(own, unwatched=unwatched)
    if stance == COULD:  # no value of this process is differentiated, but what it sends back may be asked for
        mean.requires_grad_()
        var.requires_grad_()
    if not isinstance(count, Tensor):
        count = torch.full((), count, dtype=torch.float64, device="cpu")
    mean, var, total, asked = _across(mean, var, count, group, mark, stance)
    if not unwatched:
        return Moments(mean, var, total)
    if stance == COULD and not asked:
        mean, var = mean.detach(), var.detach()
    return Moments(mean, var, int(total))


def _check_transforms(*tensors: Tensor) -> None:
    if inside_transform() or has_tangent(*tensors):
        raise RefusedError(
            verb="batch_norm",
            argument="moments",
            problem="those of several processes are not gathered inside a transform of torch.func or in forward mode",
            cure="Take torch.autograd.grad, whose gradients may be differentiated again, or moments='batch'.",
        )


def _stance(own: Moments, *, unwatched: bool) -> int:
    if not torch.is_grad_enabled():
        return CANNOT
    if own.mean.requires_grad or own.var.requires_grad:
        return WANTS
    return COULD if unwatched else CANNOT  # a compiler makes no leaves


def _group(name: str) -> dist.ProcessGroup | None:
    """The group of that name, if it is of several processes.

    Raises:
        RefusedError: it is gone.
    """
    if not (dist.is_available() and dist.is_initialized()):
        group = None
    else:
        group = _resolve(name) if name else dist.group.WORLD
    if group is None and name:
        raise RefusedError(
            verb="batch_norm",
            argument="moments",
            problem="the process group of Sync is gone, for torch.distributed is not initialized",
            cure="Normalize before dist.destroy_process_group(), or take moments='batch'.",
        )
    return group if group is not None and group.size() > 1 else None


def _number(group: dist.ProcessGroup, mark: Tensor) -> int:
    known = _NUMBERS.setdefault(group, {})
    return known.setdefault(int(mark), len(known) + 1)


def _exchanged(mean: Tensor, var: Tensor, count: Tensor, group: str, mark: Tensor, stance: int) -> Any:
    found = _group(group)
    if found is None:
        total = count.to("cpu", torch.float64, copy=True)
        return mean.clone(), var.clone(), total, torch.full((), stance == WANTS)
    place = Place(FORWARD, _number(found, mark), len(mean), stance)
    here = count.to(mean.device, torch.float64)
    rows, places = exchange(torch.cat([here.view(1), mean.double(), var.double() * here]), place, found)
    counts, means, squares = torch.split(rows, [1, len(mean), len(mean)], 1)
    total = counts.sum()
    share = counts / total.clamp(min=1)
    merged = (share * means).sum(0)
    spread = (squares.sum(0) + (counts * (means - merged).square()).sum(0)) / total.clamp(min=1)
    asked = any(one.stance == WANTS for one in places)
    return merged.to(mean.dtype), spread.to(var.dtype), _checked(total.cpu(), found), torch.full((), asked)


def _checked(total: Tensor, group: dist.ProcessGroup) -> Tensor:
    if total == 1:
        raise ValueError(
            f"batch_norm: expected more than 1 value per channel when training, got 1 in {group.size()} processes "
            "together: one value has no variance. Use larger batches, drop a last batch of 1 "
            "(DataLoader(drop_last=True)), or evaluate (model.eval())."
        )
    return total


def _exchanged_fake(mean: Tensor, var: Tensor, count: Tensor, group: str, mark: Tensor, stance: int) -> Any:
    total = torch.empty((), dtype=torch.float64, device="cpu")
    return torch.empty_like(mean), torch.empty_like(var), total, torch.empty((), dtype=torch.bool, device="cpu")


def _save(ctx: Any, inputs: Any, output: Any) -> None:
    mean, _, count, ctx.group, mark, _ = inputs
    merged, _, total, asked = output
    ctx.mark_non_differentiable(total, asked)
    ctx.save_for_backward(mean, count, merged, total, mark)


def _gradients(ctx: Any, dmean: Tensor, dvar: Tensor, *_: Any) -> tuple[Any, ...]:
    mean, count, merged, total, mark = ctx.saved_tensors
    dmean, dvar = _summed(torch.stack([dmean, dvar]), ctx.group, mark).unbind()
    share = (count / total.to(count.device).clamp(min=1)).to(mean.dtype)
    of_var = share * dvar
    return share * dmean + 2 * of_var * (mean - merged), of_var, None, None, None, None


def _sum(values: Tensor, group: str, mark: Tensor) -> Tensor:
    found = _group(group)
    if found is None:
        return values.clone()
    place = Place(BACKWARD, _number(found, mark), values.shape[-1])
    rows, _ = exchange(values.double().flatten(), place, found)
    return rows.sum(0).view(values.shape).to(values.dtype)


def _save_sum(ctx: Any, inputs: Any, output: Tensor) -> None:
    _, ctx.group, mark = inputs
    ctx.save_for_backward(mark)


def _sum_gradients(ctx: Any, dsum: Tensor) -> tuple[Any, ...]:
    """Every process's sum is of the values of all."""
    return _summed(dsum, ctx.group, *ctx.saved_tensors), None, None


def _register() -> None:
    library = torch.library
    library.define(
        "batchnorm::across",
        "(Tensor mean, Tensor var, Tensor count, str group, Tensor mark, int stance) -> "
        "(Tensor mean, Tensor var, Tensor count, Tensor asked)",
        tags=(torch.Tag.cudagraph_unsafe,),
    )
    library.define(
        "batchnorm::summed_across",
        "(Tensor values, str group, Tensor mark) -> Tensor",
        tags=(torch.Tag.cudagraph_unsafe,),
    )
    library.impl("batchnorm::across", "default", _exchanged)
    library.impl("batchnorm::summed_across", "default", _sum)
    library.register_fake("batchnorm::across", _exchanged_fake)
    library.register_fake("batchnorm::summed_across", lambda values, group, mark: torch.empty_like(values))
    library.register_autograd("batchnorm::across", _gradients, setup_context=_save)
    library.register_autograd("batchnorm::summed_across", _sum_gradients, setup_context=_save_sum)


_register()
_across: Callable[..., tuple[Tensor, Tensor, Tensor, Tensor]] = torch.ops.batchnorm.across
_summed: Callable[[Tensor, str, Tensor], Tensor] = torch.ops.batchnorm.summed_across
