"""How does a call that names a source of moments go? By the way without one where that gives the same, else by its own.

A batch may be cut, each part by itself (`_slices`), it may have padding (`_masked`), or its own moments are not what
normalizes it: then something that a source computes of them stands between two sweeps (`_between`).
"""

from math import prod

from torch import Tensor

from ..errors import InputError, InputTypeError, RefusedError
from ._arguments import Arguments
from ._between import between
from ._channels import sizes_are_known
from ._masked import Take, check_mask, masked
from ._slices import sliced
from .sources import BATCH, RUNNING, Source, as_source, gathers, is_plain


def resolve(a: Arguments) -> Arguments:
    """The arguments with the source that answers in this mode; None where `training` says all there is to say.

    Raises:
        ValueError, TypeError: `moments` is no source, or the text of none; a mask that is missing, or not taken.
        RuntimeError: the source reads running statistics, and there are none.
    """
    named = as_source(a.source)
    check_mask(a, named)
    _check_counter(a.num_batches_tracked)
    if named.reads_running and (a.running_mean is None or a.running_var is None):
        raise RuntimeError(
            f"batch_norm: moments={str(named)!r} reads running_mean and running_var, expected both, got None. Pass "
            "them (a layer: track_running_stats=True), or take another source."
        )
    source = named.at(training=a.training)
    if source is RUNNING:
        return a._replace(source=None, training=False)
    return _by_batch(a, source) if source is BATCH else a._replace(source=source)


def _by_batch(a: Arguments, source: Source) -> Arguments:
    """The arguments of a call without a source, by the batch; without the statistics where it is not to move them."""
    if a.training and source.tracks:
        return a._replace(source=None)
    return a._replace(source=None, training=True, running_mean=None, running_var=None)


def _check_counter(tracked: object) -> None:
    if tracked is None or (isinstance(tracked, Tensor) and (not sizes_are_known() or tracked.numel() == 1)):
        return
    got = f"a tensor of shape {tuple(tracked.shape)}" if isinstance(tracked, Tensor) else repr(tracked)[:100]
    raise InputTypeError(
        argument="num_batches_tracked",
        expected="the updates so far, one integer as a tensor",
        got=got,
        cure="Write it as torch.tensor(0), and add 1 after every update.",
    )


def sourced(route: str, a: Arguments, source: Source, take: Take) -> Tensor:
    """The output of a call with a source; `take` computes the calls without one that it may be made of."""
    if source.takes_mask:
        return masked(route, a, source, take)
    if type(source).sizes is not Source.sizes:
        _check_uncut(source)
        sizes = _sizes(a, source)
        if len(sizes) > 1:
            return sliced(route, a, source, sizes)
    return take(route, _by_batch(a, source)) if is_plain(source) else between(route, a, source)


def _check_uncut(source: Source) -> None:
    if gathers(source):
        raise InputError(
            argument="moments",
            expected="a source that either cuts a batch (sizes) or gathers one (gathered)",
            got=f"{type(source).__name__}, which does both",
            cure="Processes may cut theirs into other numbers of slices, and would wait for each other.",
        )


def _sizes(a: Arguments, source: Source) -> tuple[int, ...]:
    """The slices of a batch, each with more than one value per channel.

    Raises:
        InputError: a smaller slice, in training; slices that are not all of the batch.
        RefusedError: torch.jit traces, for which sizes are constants.
    """
    if not sizes_are_known():
        raise RefusedError(
            argument="moments",
            problem=f"{str(source)!r} cannot be traced by torch.jit, which takes the slices of one batch for all",
            cure="Trace the evaluation (model.eval()), or take torch.compile.",
        )
    inner = prod(a.x.shape[2:])
    sizes = source.sizes(a.x.shape[0], inner)
    if sum(sizes) != a.x.shape[0] or min(sizes) < 1:
        raise InputError(
            argument="moments",
            expected=f"slices of at least 1 sample, {a.x.shape[0]} in all",
            got=f"{tuple(sizes)} by {type(source).__name__}.sizes",
            cure="Let it return numbers of samples that add up to its first argument.",
        )
    if a.training and min(sizes) * inner == 1:
        raise _one_value(a, source)
    return sizes


def _one_value(a: Arguments, source: Source) -> ValueError:
    """The error for a slice that has one value per channel."""
    return InputError(
        argument="moments",
        expected="slices of more than 1 value per channel when training, for one value has no variance",
        got=f"{str(source)!r} of x {tuple(a.x.shape)}",
        cure="Take larger slices, or evaluate (model.eval()).",
    )
