"""The sweeps one by one, for moments that are not the batch's: between them the caller computes, on (C,) numbers."""

import torch
from torch import Tensor

from .._seam import Affine, Applied, Back, Behind, Sums, Unapplied
from ._launch import Launch, bits
from ._plan import Room, plan_of
from ._records import Statistics
from ._rooms import as_handed_on, in_order, new, no_gradients, no_outputs, statistics_for
from .jit.slots import (
    BACK_CONSTANT,
    BACK_OF_X,
    DRESIDUAL,
    DX,
    DY,
    EPS,
    MASKS,
    MEAN,
    RESIDUAL,
    SUM_DY,
    SUM_DY_X,
    TRAINING,
    VAR,
    Y,
)

PLAIN = Behind()
"""Nothing behind the affine step."""


def moments(x: Tensor) -> Statistics:
    """Compute the mean and the biased variance (C,) of x (N, C, *) in float64, in one sweep."""
    mean, var = statistics_for(x, None)
    if x.numel():
        launch = Launch(plan_of(x.shape, x.stride(), x.dtype, "moments"), x)
        values = launch.values
        values[MEAN], values[VAR], values[EPS] = mean.data_ptr(), var.data_ptr(), bits(1.0)
        launch.run()
    return mean, var


def apply(x: Tensor, affine: Affine, behind: Behind = PLAIN, residual: Tensor | None = None) -> Applied:
    """Compute y = finish((x - center) * scale + shift), and the bits of a sum or a pool that the way back needs.

    Args:
        x: (N, C, *), float32, float64 or bfloat16, contiguous or channels_last.
        affine: center, scale and shift, (C,) each, or None for 0, 1 and 0; scale and shift are rounded to the type that
            x is computed in, the center to float64.
        behind: what follows; `add` says whether there is a residual.
        residual: of the shape of x, or None.

    Raises:
        ValueError: a residual where `behind` has none, or the other way round; other than C numbers.
    """
    _check(x, **affine._asdict())
    if behind.add is not (residual is not None):
        raise ValueError(f"apply: expected a residual just where behind.add is True, got {behind}. Make both agree.")
    if not x.numel():
        y, _, _, masks = no_outputs(x, None, behind.activation, add=behind.add, pool=behind.pool)
        return Applied(y, masks)
    launch, room = _launch("apply", x, affine, behind)
    y, masks = new(room, x.dtype), torch.empty(launch.plan.masks, dtype=torch.uint8)
    launch.place(Y, y)
    launch.place(MASKS, masks)
    if residual is not None:
        launch.place(RESIDUAL, in_order(residual, room, x.dtype))
    launch.run(y)
    return Applied(as_handed_on(y, room), masks)


def sums(dy: Tensor, x: Tensor, affine: Affine, behind: Behind = PLAIN, masks: Tensor | None = None) -> Sums:
    """Compute the sums of g and of g * (x - center) over each channel, (C,) in float64.

    g is the gradient in front of `finish`, made of dy by the `masks` of `apply` or by x itself.

    Raises:
        ValueError: other masks than `apply` gave; other than C numbers; dy of another shape than y.
    """
    _check(x, **affine._asdict())
    if not x.numel():
        return Sums(*statistics_for(x, None))
    launch, room = _launch("sums", x, affine, behind)
    launch.place(DY, in_order(dy, room, x.dtype))
    _place_masks(launch, masks)
    found = Sums(*statistics_for(x, None))
    launch.place(SUM_DY, found.dy)
    launch.place(SUM_DY_X, found.dy_x)
    launch.run()
    return found


def apply_back(
    dy: Tensor,
    x: Tensor,
    affine: Affine,
    back: Back | None,
    behind: Behind = PLAIN,
    masks: Tensor | None = None,
) -> Unapplied:
    """Compute dx = g * scale + (x - center) * of_x + constant, and g itself where there was a residual.

    Args:
        dy: the gradient of `apply`'s y.
        x: as for `apply`.
        affine: as for `apply`.
        back: of_x and constant, (C,) each; None where the moments are constants: dx = g * scale.
        behind: as for `apply`.
        masks: what `apply` gave.

    Raises:
        ValueError: other masks than `apply` gave; other than C numbers; dy of another shape than y.
    """
    _check(x, **affine._asdict(), **(back._asdict() if back else {}))
    if not x.numel():
        nothing = no_gradients(x, add=behind.add)
        return Unapplied(nothing.dx, nothing.dresidual if behind.add else None)
    launch, room = _launch("apply_back", x, affine, behind)
    like_x = launch.plan.x
    dx, dresidual = new(like_x, x.dtype), new(like_x, x.dtype) if behind.add else None
    launch.place(DX, dx)
    launch.place(DY, in_order(dy, room, x.dtype))
    launch.values[TRAINING] = back is not None
    if back is not None:
        launch.place(BACK_OF_X, _exact(back.of_x))
        launch.place(BACK_CONSTANT, _exact(back.constant))
    _place_masks(launch, masks)
    if dresidual is None:
        launch.run(dx)
        return Unapplied(as_handed_on(dx, like_x), None)
    launch.place(DRESIDUAL, dresidual)
    launch.run(dx, dresidual)
    return Unapplied(as_handed_on(dx, like_x), as_handed_on(dresidual, like_x))


def _launch(way: str, x: Tensor, affine: Affine, behind: Behind) -> tuple[Launch, Room]:
    """The arguments of a pass with its affine step, and how its y lies."""
    launch = Launch(plan_of(x.shape, x.stride(), x.dtype, way, *behind), x)
    if affine.center is not None:
        launch.place(MEAN, _exact(affine.center))
    launch.place_parameters(affine.scale, affine.shift)
    return launch, launch.plan.y


def _exact(values: Tensor) -> Tensor:
    return values.to(torch.float64).contiguous()


def _check(x: Tensor, **numbers: Tensor | None) -> None:
    """Refuse other than one number for each channel: a kernel would read behind their end."""
    for name, values in numbers.items():
        if values is not None and values.shape != x.shape[1:2]:
            raise ValueError(
                f"{name}: expected {x.shape[1]} values, one per channel (axis 1) of x {tuple(x.shape)}, got shape "
                f"{tuple(values.shape)}. Take those of x."
            )


def _place_masks(launch: Launch, masks: Tensor | None) -> None:
    """Write the address of the masks, of which there must be as many as a kernel reads."""
    given = 0 if masks is None else masks.numel()
    if given != launch.plan.masks:
        raise ValueError(f"masks: expected the {launch.plan.masks} bytes that apply gave, got {given}. Pass its masks.")
    if masks is not None:
        launch.place(MASKS, masks)
