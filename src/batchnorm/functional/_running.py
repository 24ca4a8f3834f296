"""How does a batch move the running statistics?"""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor
from torch.autograd import forward_ad

from ..errors import InputTypeError
from ._channels import sizes_are_known, widen
from ._given import check_given
from ._moments import Moments
from ._transforms import inside_transform


def update_running_stats(running_mean: Tensor, running_var: Tensor, moments: Moments, momentum: float | Tensor) -> None:
    """Move the running statistics towards the moments of a batch, in place and outside of autograd.

        running_mean = (1 - momentum) * running_mean + momentum * moments.mean
        running_var  = (1 - momentum) * running_var  + momentum * moments.unbiased_var

    `momentum` is the weight of the NEW batch, and the UNBIASED variance is stored, as torch does.
    As a tensor (one value, no axes) it is never read back to Python. Momentum 0 and moments of
    count 0 change nothing, not even when the batch holds infinities; all arithmetic is done in
    float32 or wider. A count that is a tensor is not read back either: a batch of count 1, which has
    no unbiased variance, then changes nothing, since refusing it would wait for the device.

    Raises:
        ValueError: the moments are those of one value per channel (a count of 1 that is no tensor),
            which has no unbiased variance; or of another number of channels than the statistics.
        RuntimeError: inside a torch.func transform that cannot write into statistics from outside
            of it.

    Example:
        >>> from batchnorm.functional import batch_moments
        >>> mean, var = torch.zeros(1), torch.ones(1)
        >>> moments = batch_moments(torch.tensor([[0.0], [2.0]]))
        >>> update_running_stats(mean, var, moments, momentum=0.1)
        >>> mean, var
        (tensor([0.1000]), tensor([1.1000]))
    """
    check_given("update_running_stats", running_mean=running_mean, running_var=running_var)
    if not isinstance(moments, Moments):
        raise InputTypeError(
            verb="update_running_stats",
            argument="moments",
            expected="Moments",
            got=type(moments).__name__,
            cure="Pass those of a batch: batch_moments(x).",
        )
    _check_channels(running_mean, running_var, moments)
    if isinstance(moments.count, Tensor):
        seen = moments.count.to(moments.var.device) > 1
        momentum = seen.to(moments.var.dtype) * momentum  # 0 changes nothing, see _move
    elif moments.count < 2:
        if moments.count == 0:
            return
        raise ValueError(
            "update_running_stats: moments has a count of 1, expected at least 2: one value per "
            "channel has no unbiased variance. Merge it with other batches first (Moments.merge)."
        )
    move_running_stats(running_mean, running_var, moments.mean, moments.unbiased_var, momentum)


def _check_channels(running_mean: Tensor, running_var: Tensor, moments: Moments) -> None:
    if not sizes_are_known():
        return
    for name, running in (("running_mean", running_mean), ("running_var", running_var)):
        if running.shape != moments.mean.shape:
            raise ValueError(
                f"update_running_stats: {name} must have the shape of the moments, "
                f"{tuple(moments.mean.shape)}, got {tuple(running.shape)}. Take the statistics and the "
                "moments of the same channels."
            )


def move_running_stats(
    running_mean: Tensor,
    running_var: Tensor,
    mean: Tensor,
    unbiased_var: Tensor,
    momentum: float | Tensor,
) -> None:
    """`update_running_stats` for a variance that is unbiased already."""
    if not isinstance(momentum, Tensor) and momentum == 0:
        return
    if forward_ad._current_level >= 0:
        mean, unbiased_var = mean.detach(), unbiased_var.detach()  # no_grad does not keep their tangents back
    with _reason_for("running_mean and running_var"), torch.no_grad():
        _move(running_mean, mean, momentum)
        _move(running_var, unbiased_var, momentum)


def move_inside_transform(x: Tensor, running_mean: Tensor, running_var: Tensor, momentum: float) -> None:
    """`update_running_stats` by the batch `x`, for statistics that may come from outside of a torch.func transform.

    Under grad, vjp and jvp torch's operator alone may write into these: here it runs for nothing else.
    """
    if momentum == 0:  # it would multiply the batch's moments by 0, and turn an infinity into NaN
        return
    with _reason_for("running_mean and running_var"), torch.no_grad():
        torch.batch_norm(x, None, None, running_mean, running_var, True, float(momentum), 1e-5, False)


def move_inside_transform_by(moments: Moments, running_mean: Tensor, running_var: Tensor, momentum: float) -> None:
    """`move_inside_transform` by moments, of which batches (2, C) are made: one of that mean, and one of that variance.

    A batch that has both would round its variance away where the mean is large. Moments of one value or none, which
    have no unbiased variance, move nothing.
    """
    mean, var = moments.mean, moments.unbiased_var
    if isinstance(moments.count, Tensor):
        seen = moments.count > 1
        mean, var = torch.where(seen, mean, running_mean), torch.where(seen, var, running_var)
    dtype, distance = running_mean.dtype, (var / 2).sqrt()
    same, apart = torch.stack([mean, mean]).to(dtype), torch.stack([-distance, distance]).to(dtype)
    move_inside_transform(same, running_mean, torch.zeros_like(running_var), momentum)
    move_inside_transform(apart, torch.zeros_like(running_mean), running_var, momentum)


def check_counter(num_batches_tracked: Tensor) -> None:
    """Refuse a counter that cannot be written to, before statistics have moved: inside torch.func transforms, as torch.

    Raises:
        RuntimeError: it came from outside of a grad, vjp or jvp.
    """
    if torch._C._functorch.maybe_current_level() is not None and inside_transform():
        with _reason_for("num_batches_tracked"):
            num_batches_tracked.add_(0)


@contextmanager
def _reason_for(names: str) -> Iterator[None]:
    """Say why a transform refuses to write."""
    try:
        yield
    except RuntimeError as error:
        if not inside_transform():
            raise
        raise RuntimeError(
            "batch_norm: inside a torch.func transform the running statistics cannot be updated in "
            f"place, for {names} came from outside of it while x belongs to it. Use evaluation mode, "
            "track_running_stats=False (torch.func.replace_all_batch_norm_modules_), or hand the buffers "
            "in as arguments of the transformed function (torch.func.functional_call)."
        ) from error


def _move(running: Tensor, new: Tensor, momentum: float | Tensor) -> None:
    wide = running.dtype in (torch.float32, torch.float64) and running.dtype is new.dtype
    if wide and not isinstance(momentum, Tensor) and not inside_transform():
        running.lerp_(new, momentum)  # one operator instead of two; vmap has no rule for it
        return
    dtype = torch.promote_types(widen(running).dtype, new.dtype)
    old, new = running.to(dtype), new.to(dtype)
    if isinstance(momentum, Tensor):
        moved = torch.lerp(old, new, momentum.to(dtype))
        # A weight of 0 times an infinity is NaN; nobody may ask a tensor for its value here, so it
        # is masked.
        moved = torch.where(momentum == 0, old, moved)
    else:
        moved = torch.lerp(old, new, momentum)
    running.copy_(moved)


def cumulative_momentum(num_batches_tracked: Tensor, running_mean: Tensor) -> Tensor:
    """The weight of the next batch in a plain average of all: 1 / (num_batches_tracked + 1).

    It stays a tensor, so that `momentum=None` neither waits for the device nor breaks a graph; its
    dtype is that of `running_mean`, but float32 at least.

    Example:
        >>> cumulative_momentum(torch.tensor(3), torch.zeros(2))
        tensor(0.2500)
    """
    return (num_batches_tracked + 1).to(widen(running_mean).dtype).reciprocal()
