"""How are slices of a batch normalized, each by its own moments? One after the other, into one output."""

from collections.abc import Sequence

import torch
from torch import Tensor

from ._calls import backward, forward
from ._plan import plan_of
from ._records import Gradients, Outputs
from ._rooms import as_handed_on, gradients_for, in_order, new


def forward_slices(
    x: Tensor,
    sizes: Sequence[int],
    weight: Tensor | None,
    bias: Tensor | None,
    eps: float,
    activation: str,
    residual: Tensor | None = None,
    *,
    pool: bool = False,
) -> Outputs:
    """Compute `forward` of every slice of x.split(sizes), none of them empty, by its own moments.

    Returns:
        y of all, mean and var (slices, C), and the masks of the slices one behind the other.
    """
    add, parts = residual is not None, x.split_with_sizes(sizes)
    plan = plan_of(x.shape, x.stride(), x.dtype, "forward", activation, add, pool)
    y = new(plan.y, x.dtype)
    mean, var = torch.empty(2, len(parts), x.shape[1], dtype=torch.float64)
    bits = [plan_of(part.shape, part.stride(), x.dtype, "forward", activation, add, pool).masks for part in parts]
    masks = torch.empty(sum(bits), dtype=torch.uint8)
    rooms = zip(y.split_with_sizes(sizes), mean, var, masks.split_with_sizes(bits), strict=True)
    residuals = [None] * len(parts) if residual is None else in_order(residual, plan.y, x.dtype).split_with_sizes(sizes)
    for part, beside, room in zip(parts, residuals, rooms, strict=True):
        forward(part, None, weight, bias, eps, activation, beside, pool=pool, out=Outputs(*room))
    return Outputs(as_handed_on(y, plan.y), mean, var, masks)


def backward_slices(
    dy: Tensor,
    x: Tensor,
    sizes: Sequence[int],
    mean: Tensor,
    var: Tensor,
    weight: Tensor | None,
    bias: Tensor | None,
    masks: Tensor,
    eps: float,
    activation: str,
    add: bool,  # noqa: FBT001  # as in `backward`
    *,
    pool: bool = False,
) -> Gradients:
    """Compute the gradients of `forward_slices`, with the mean, var and masks that it gave."""
    parts, slices = x.split_with_sizes(sizes), len(sizes)
    plan = plan_of(x.shape, x.stride(), x.dtype, "backward", activation, add, pool)
    dx, dweight, dbias, dresidual = gradients_for(plan, x, add=add)
    dweights, dbiases = torch.empty(2, slices, x.shape[1], dtype=plan.number)
    bits = [plan_of(part.shape, part.stride(), x.dtype, "backward", activation, add, pool).masks for part in parts]
    dresiduals = dresidual.split_with_sizes(sizes) if add else [dresidual] * slices
    rooms = zip(dx.split_with_sizes(sizes), dweights, dbiases, dresiduals, strict=True)
    dys = in_order(dy, plan.y, x.dtype).split_with_sizes(sizes)
    given = zip(dys, parts, mean, var, masks.split_with_sizes(bits), rooms, strict=True)
    for dy_part, part, own_mean, own_var, own_bits, room in given:
        backward(
            *(dy_part, part, own_mean, own_var, weight, bias, own_bits, eps, activation, add, True),
            pool=pool,
            out=Gradients(*room),
        )
    torch.sum(dweights, 0, out=dweight)
    torch.sum(dbiases, 0, out=dbias)
    dresidual = as_handed_on(dresidual, plan.x) if add else dresidual
    return Gradients(as_handed_on(dx, plan.x), dweight, dbias, dresidual)
