"""What stands between the moments of a batch and its output, if a source makes something else of them?

    own = source.gathered(moments of x);  mean, invstd = source.normalizer(own, state, eps)
    y = finish((x - mean) * invstd * weight + bias)

Two sweeps with vectors (C,) between them. What the gradient's sums bring back to the batch's moments is the derivative
of `normalizer`, which torch takes: no source writes it down.
"""

import torch
from torch import Tensor

from ..kernels import Face, cpu, for_tensor, in_output_format, why_none
from ._arguments import Arguments
from ._channels import per_channel, reduced_dims, widen
from ._empty import is_empty
from ._finish import finish
from ._fused import check_kernels, is_short, steps_of
from ._moments import Moments, batch_moments
from ._part_operators import apply, moments
from ._plain import plain
from ._running import move_inside_transform_by, update_running_stats
from ._steps import affine, standardize
from ._sweeps import BySource
from ._transforms import inside_transform
from .sources import Normalizer, Source, State, gathers


def between(route: str, a: Arguments, source: Source) -> Tensor:
    """The output of a call whose source normalizes by something else than the batch's own moments."""
    if is_empty(a.x):
        return _of_nothing(a, source)
    if route == "fused":
        check_kernels(a)
        return by_kernels(a, source, cpu) if is_short(a) else _by_operators(a, source)
    if route == "native" and a.x.is_cuda and is_short(a) and why_none(a.x) is None:
        plain_steps = a._replace(activation=None, residual=None, pool=None)
        y = by_kernels(plain_steps, source, for_tensor(a.x))
        return finish(in_output_format(y, a.x), a.activation, a.residual, a.pool)
    own = source.gathered(batch_moments(a.x))
    given = source.normalizer(own, state_of(a), a.eps)
    y = in_output_format((_in_two if route == "native" else _in_four)(a, given), a.x)
    track(a, source, own)
    return finish(y, a.activation, a.residual, a.pool).to(a.x.dtype)


def by_kernels(a: Arguments, source: Source, kernels: Face) -> Tensor:
    """The sweeps of a device's kernels, and what the source computes between them."""
    sweeps = BySource(a.x, source, state_of(a), a.eps, kernels)
    x = a.x.detach().requires_grad_() if sweeps.asked and not a.x.requires_grad else a.x
    y = plain(x, steps_of(a), sweeps)
    mean, var, count = sweeps.gathered
    track(a, source, Moments(mean.detach(), var.detach(), count))
    return y


def _by_operators(a: Arguments, source: Source) -> Tensor:
    """The same where somebody looks on: two operators, each with a derivative of its own."""
    own = source.gathered(Moments(*moments(a.x), a.x.numel() // a.x.shape[1]))
    given, steps = source.normalizer(own, state_of(a), a.eps), steps_of(a)
    scale = given.invstd if a.weight is None else given.invstd * a.weight
    y, _ = apply(a.x, given.mean, scale, a.bias, a.residual, steps.activation, steps.pool)
    track(a, source, own)
    return y


def _of_nothing(a: Arguments, source: Source) -> Tensor:
    """The output of a part of a batch that has no values, by which the other parts hear of it, both ways."""
    nothing = widen(a.x).sum(reduced_dims(a.x))
    own = source.gathered(Moments(nothing, nothing.clone(), 0))
    y = in_output_format(_in_four(a, source.normalizer(own, state_of(a), a.eps)), a.x)
    track(a, source, own)
    return finish(y, a.activation, a.residual, a.pool).to(a.x.dtype)


def _in_four(a: Arguments, given: Normalizer) -> Tensor:
    """The steps as they are written."""
    return affine(standardize(a.x, *given), a.weight, a.bias)


def _in_two(a: Arguments, given: Normalizer) -> Tensor:
    """Two of torch's operators; not one, x * scale + shift, which cancels where the mean is large."""
    scale = given.invstd if a.weight is None else given.invstd * a.weight
    distance = a.x - per_channel(given.mean, a.x, "mean")
    if a.bias is None:
        return distance * per_channel(scale, a.x, "weight")
    bias = widen(a.bias).to(distance.dtype)
    return torch.addcmul(per_channel(bias, a.x, "bias"), distance, per_channel(scale, a.x, "weight"))


def state_of(a: Arguments) -> State:
    """What a source may read, as it is before the batch moves it: copies, for a graph may keep them."""
    kept = (a.running_mean, a.running_var, a.num_batches_tracked)
    return State.copied(*kept)


def track(a: Arguments, source: Source, own: Moments) -> None:
    """Let the running statistics see what the source says that they see: the one place where a source moves them."""
    if not (a.training and source.tracks) or a.running_mean is None or a.running_var is None:
        return
    seen = source.tracked(own)
    if seen is None:
        return
    if gathers(source):  # rounded alike by all, of which each may go another way: so they keep the same bits
        kind = widen(a.running_mean).dtype
        seen = Moments(seen.mean.to(kind), seen.var.to(kind), seen.count)
    if inside_transform() and not isinstance(a.momentum, Tensor):
        move_inside_transform_by(seen, a.running_mean, a.running_var, a.momentum)
    else:
        update_running_stats(a.running_mean, a.running_var, seen, a.momentum)
