"""How is a batch normalized that has padding? By the valid places alone, whatever stands in the others."""

from collections.abc import Callable
from typing import cast

import torch
from torch import Tensor

from ..errors import InputError, InputTypeError, RefusedError
from ..kernels import in_output_format, sizes_are_symbolic
from ._activation import activate
from ._arguments import Arguments
from ._between import state_of, track
from ._channels import per_channel, reduced_dims, sizes_are_known, widen
from ._moments import Moments
from ._steps import affine, standardize
from ._transforms import inside_transform
from .sources import Source, is_plain

Take = Callable[[str, Arguments], Tensor]


def check_mask(a: Arguments, source: Source) -> None:
    """Refuse a mask that is missing, not taken, or none for this batch.

    Raises:
        InputTypeError: a mask where none is taken, none where one is; no tensor of bool.
        InputError: a mask of another shape, or on another device; a fill that the dtype of x cannot hold.
        RefusedError: a residual or a pool, of which padding would have to be known, too.
    """
    if not source.takes_mask:
        if a.mask is not None:
            raise InputTypeError(
                argument="mask",
                expected=f"None, for moments={str(source)!r} takes no mask",
                got="one",
                cure="Take moments='masked' to normalize the valid places alone.",
            )
        return
    if a.residual is not None or a.pool is not None:
        step = "a residual" if a.residual is not None else "a pool"
        raise RefusedError(
            argument="moments",
            problem=f"{str(source)!r} cannot be combined with {step}, which would mix valid places and padding",
            cure="Take batch_norm (a layer: BatchNorm2d), and write that step behind it.",
        )
    if not isinstance(a.mask, Tensor) or a.mask.dtype is not torch.bool:
        got = f"a tensor of {a.mask.dtype}" if isinstance(a.mask, Tensor) else type(a.mask).__name__
        raise InputTypeError(
            argument="mask",
            expected="a tensor of bool, True where a place is valid",
            got="None" if a.mask is None else got,
            cure=_cure(a.mask),
        )
    if sizes_are_known() and a.x.dim() > 1:
        _check_shape(a.x, a.mask)
    if a.mask.device != a.x.device:
        raise InputError(
            argument="mask",
            expected=f"a mask on the device of x, {a.x.device}",
            got=str(a.mask.device),
            cure="Move it with .to(x.device).",
        )
    fill = getattr(source, "fill", 0.0)
    if fill is not None and a.x.is_floating_point() and abs(fill) > torch.finfo(a.x.dtype).max:
        raise InputError(
            argument="moments",
            expected=f"a fill that {a.x.dtype} can hold",
            got=repr(str(source)),
            cure="The usual fill is 0; None leaves the padding as it is.",
        )


def _check_shape(x: Tensor, mask: Tensor) -> None:
    n, _, *spatial = x.shape
    given = tuple(mask.shape)  # compared one by one: `in` takes a symbolic size for another than its number
    if given != (n, *spatial) and given != (n, 1, *spatial):
        raise InputError(
            argument="mask",
            expected=f"the shape {(n, *spatial)} or {(n, 1, *spatial)} beside x {tuple(x.shape)}",
            got=str(tuple(mask.shape)),
            cure="A place is valid for all channels, or for none.",
        )


def _cure(mask: object) -> str:
    if mask is None:
        return "To normalize every place take moments='batch'."
    return "Convert it: mask.bool()." if isinstance(mask, Tensor) else "Convert it: torch.as_tensor(mask).bool()."


def masked(route: str, a: Arguments, source: Source, take: Take) -> Tensor:
    """The output of a call with a mask; `take` computes those without one that it is made of."""
    mask, fill = cast(Tensor, a.mask), getattr(source, "fill", 0.0)
    valid = mask.reshape(a.x.shape[0], 1, *a.x.shape[2:])
    last = None if a.activation is None or isinstance(a.activation, str) else a.activation  # may look at the shape
    plain = a._replace(
        source=None, mask=None, num_batches_tracked=None, activation=a.activation if last is None else None
    )
    if a.training and route != "composed" and not _counts_are_unknown(a.x) and is_plain(source):
        _check_count(int(valid.sum()), a)
        y = _by_places(route, plain, valid, fill if last is None else 0.0, take)
        if last is None:
            return y
    else:
        # What stands in the padding must not meet a gradient of 0: NaN times 0 is NaN.
        plain = plain._replace(x=torch.where(valid, a.x, 0))
        y = _by_sums(plain, source, valid) if a.training else take(route, plain)
    return torch.where(valid, activate(y, last), a.x.detach() if fill is None else fill)


def _counts_are_unknown(x: Tensor) -> bool:
    """Whether the valid places cannot be counted or taken out: a graph would be one for their number.

    A tensor of a class of its own may hold no numbers (a fake one), or part of them; `make_fx` records operators.
    """
    if sizes_are_symbolic(x) or inside_transform() or x.is_meta or type(x) is not Tensor:
        return True
    return torch._C._get_dispatch_mode(torch._C._TorchDispatchModeKey.PROXY) is not None


def _check_count(count: int, a: Arguments) -> None:
    if count < 2:
        raise InputError(
            argument="mask",
            expected="more than 1 valid place when training, for one value per channel has no variance",
            got=str(count),
            cure="Leave such batches out, or evaluate (model.eval()).",
        )


def _by_sums(a: Arguments, source: Source, valid: Tensor) -> Tensor:
    """Sums over the valid places; how many there are need not be known."""
    own = source.gathered(masked_moments(a.x, valid))
    if not _counts_are_unknown(a.x):
        _check_count(int(own.count), a)
    mean, invstd = source.normalizer(own, state_of(a), a.eps)
    y = in_output_format(affine(standardize(a.x, mean, invstd), a.weight, a.bias).to(a.x.dtype), a.x)
    track(a, source, own)
    return activate(y, a.activation)


def masked_moments(x: Tensor, valid: Tensor) -> Moments:
    """Mean and biased variance of the valid places of `x` (N, C, *), which is 0 in the others; `valid` is (N, 1, *).

    The count is a tensor; of nothing it is 0, with a mean and a variance of 0.
    """
    x, count = widen(x), valid.sum()
    share = 1 / count.clamp(min=1).to(x.dtype)
    mean = x.sum(reduced_dims(x)) * share
    distance = torch.where(valid, x - per_channel(mean, x, "mean"), 0)
    return Moments(mean, distance.square().sum(reduced_dims(x)) * share, count)


def _by_places(route: str, a: Arguments, valid: Tensor, fill: float | None, take: Take) -> Tensor:
    """The valid places as a batch (M, C) of their own, which a route normalizes as any other, and back."""
    rows, places = a.x.movedim(1, -1), valid.squeeze(1)
    y = take(route, a._replace(x=rows[places]))
    full = rows.detach().clone() if fill is None else torch.full_like(rows.detach(), fill)
    full[places] = y
    return in_output_format(full.movedim(-1, 1), a.x)
