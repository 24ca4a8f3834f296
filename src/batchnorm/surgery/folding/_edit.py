"""How does a factor and a shift per channel go into the weight and the bias of a product? On tensors alone."""

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor


@dataclass(frozen=True, slots=True)
class Shape:
    """Where a weight's output and input channels lie.

    Attributes:
        out_first: the first axis is the output's (`F.linear`, a convolution), the second the input's; else the reverse.
        transposed: of a transposed convolution: (in, out / groups, *kernel).
        groups: of a convolution.
    """

    out_first: bool = True
    transposed: bool = False
    groups: int = 1


@dataclass(frozen=True, slots=True, eq=False)
class Edit:
    """What a norm changes in one product.

    Attributes:
        side: `"out"` where the norm follows the product, `"in"` where it precedes.
        weight: the name of the weight in the model.
        bias: that of the bias; of a bias that is to be made, if there is none yet; None where the shift stays outside.
        channels: for each channel on that side the norm's channel, -1 where the norm has nothing to do with it.
        shape: where the weight's channels lie.
        factors_only: the shift stays in the norm's place.
    """

    side: Literal["out", "in"]
    weight: str
    bias: str | None
    channels: Tensor
    shape: Shape
    factors_only: bool = False

    @property
    def names(self) -> tuple[str, ...]:
        """Of the tensors that it changes or makes."""
        return (self.weight,) if self.bias is None else (self.weight, self.bias)


def edit_weight(weight: Tensor, bias: Tensor | None, edit: Edit, scale: Tensor, shift: Tensor) -> tuple[Tensor, Tensor]:
    """Return weight and bias with a norm's scale and shift in them.

        out:  scale * (W x + b) + shift  = (scale W) x + (scale b + shift)
        in:   W (scale x + shift) + b    = (W scale) x + (b + W shift)

    Args:
        weight: float64.
        bias: float64, (out,); None counts as zeros.
        edit: which side, and which channels.
        scale: (C,) of the norm, float64.
        shift: the same.

    Example:
        >>> edit = Edit("out", "weight", "bias", torch.tensor([1, 0]), Shape())
        >>> scale, shift = torch.tensor([2.0, 3.0]), torch.tensor([1.0, -1.0])
        >>> edit_weight(torch.eye(2), None, edit, scale, shift)
        (tensor([[3., 0.],
                [0., 2.]]), tensor([-1.,  1.]))
    """
    channels = edit.channels.to(scale.device)
    known, chosen = channels >= 0, channels.clamp(min=0)
    factors = torch.where(known, scale[chosen], 1.0)
    shifts = torch.where(known & (not edit.factors_only), shift[chosen], 0.0)
    grouped, out_axes, in_axes = _grouped(weight, edit.shape)
    if edit.side == "out":
        start = torch.zeros_like(factors) if bias is None else bias
        return (grouped * _along(factors, grouped, out_axes)).reshape(weight.shape), start * factors + shifts
    summed = [axis for axis in range(grouped.dim()) if axis not in out_axes]
    gained = (grouped * _along(shifts, grouped, in_axes)).sum(summed).flatten()
    changed = (grouped * _along(factors, grouped, in_axes)).reshape(weight.shape)
    return changed, gained if bias is None else bias + gained


def _grouped(weight: Tensor, shape: Shape) -> tuple[Tensor, tuple[int, int], tuple[int, int]]:
    """The weight as (groups, ., ., *kernel), and the axes that its output and its input channels lie along."""
    first, second = weight.shape[:2]
    if shape.transposed or shape.out_first:
        grouped = weight.reshape(shape.groups, first // shape.groups, *weight.shape[1:])
    else:
        grouped = weight.reshape(1, first, second)
    begins_with_input = shape.transposed or not shape.out_first
    return (grouped, (0, 2), (0, 1)) if begins_with_input else (grouped, (0, 1), (0, 2))


def _along(values: Tensor, grouped: Tensor, axes: tuple[int, int]) -> Tensor:
    sizes = [grouped.shape[axis] if axis in axes else 1 for axis in range(grouped.dim())]
    return values.reshape(sizes)
