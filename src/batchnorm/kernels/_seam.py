"""What do kernels and their callers hand each other? Numbers by channel, between one sweep over a tensor and the next.

        y  = finish((x - center) * scale + shift)
        dx = g * scale + (x - center) * of_x + constant

`finish` adds a residual, activates or pools; g is the gradient behind the affine step, that in front of `finish`. Where
the numbers come from (whose moments normalize) is the caller's concern, and so is what of the sums of g comes back.
"""

from typing import NamedTuple

from torch import Tensor


class Affine(NamedTuple):
    """The step from x to what is in front of the activation, each of shape (C,): (x - center) * scale + shift.

    None stands for 0, 1 and 0. Best is a `center` near the mean, in float64: it is taken away exactly, while a product
    x * scale and a large shift would nearly cancel.
    """

    center: Tensor | None = None
    scale: Tensor | None = None
    shift: Tensor | None = None


class Behind(NamedTuple):
    """What follows the affine step: a residual that is added, an activation by its name, a max-pool 2x2."""

    activation: str = "identity"
    add: bool = False
    pool: bool = False


class Applied(NamedTuple):
    """An output, and the bits of a sum or a pool that the way back needs, if there is one."""

    y: Tensor
    masks: Tensor


class Sums(NamedTuple):
    """The sums of g and of g * (x - center) over each channel, (C,) in float64: all that gradients by channel need.

    dshift = dy;  dscale = dy_x;  dcenter = -scale * dy
    """

    dy: Tensor
    dy_x: Tensor


class Unapplied(NamedTuple):
    """The gradients of x and of a residual, if there is one."""

    dx: Tensor
    dresidual: Tensor | None


class Back(NamedTuple):
    """The part of dx that comes back through the moments, (C,) each: (x - center) * of_x + constant.

    For the batch's own moments, with scale = weight / sqrt(var + eps) and center = mean:
    of_x = -scale / (var + eps) * sums.dy_x / count and constant = -scale * sums.dy / count.
    """

    of_x: Tensor
    constant: Tensor
