"""How are the gradients of a kernel differentiated once more? As those of the steps written out in torch."""

from collections.abc import Iterator, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from ..kernels import Behind, unpack_masks
from ._activation import activate
from ._channels import widen
from ._steps import affine
from ._sweeps import BySlices, Rules, Saved, Sweeps


def composed_gradients(
    dy: Tensor, saved: Saved, rules: Rules, sweeps: Sweeps
) -> tuple[Tensor | None, Tensor | None, Tensor | None, Tensor | None]:
    """The gradients of x, weight, bias and residual, each a function of dy, x and weight that autograd knows."""
    x, mean, var, weight, bias, masks = saved
    # The tensors under new names, of which nothing comes but y: x itself may depend on weight (a layer that is used
    # twice), or weight on x, and the gradient of the one would contain that of the other.
    x = x.view_as(x)
    weight, bias = (None if t is None else t.view_as(t) for t in (weight, bias))
    y = affine(sweeps.x_hat(widen(x), mean, var, rules.eps), weight, bias)
    y, dresidual = finished(y, dy, masks, rules.behind, sweeps.sizes if isinstance(sweeps, BySlices) else None)
    dx, dweight, dbias = differentiated(y, (x, weight, bias), dy)
    return dx, dweight, dbias, dresidual


def finished(
    y: Tensor, dy: Tensor, masks: Tensor, behind: Behind, sizes: Sequence[int] | None = None
) -> tuple[Tensor, Tensor | None]:
    """What follows the affine step of a kernel, by operators of torch; and the gradient of a residual, if there is one.

    The residual itself is not kept: where ReLU let the sum pass is all that its gradients depend on.
    """
    dresidual = None
    if behind.add:
        passed = unpack_masks(masks, y, sizes)
        dresidual, y = torch.where(passed, dy, 0), torch.where(passed, y, 0)
    else:
        y = activate(y, None if behind.activation == "identity" else behind.activation)
    return F.max_pool2d(y, 2) if behind.pool else y, dresidual


def differentiated(y: Tensor, tensors: Sequence[Tensor | None], dy: Tensor) -> Iterator[Tensor | None]:
    """The gradients of `y` by each of the tensors, which can be differentiated once more; None for what needs none."""
    leaves = [t for t in tensors if t is not None and t.requires_grad]
    found = iter(torch.autograd.grad(y, leaves, dy.to(y.dtype), create_graph=True)) if leaves else iter(())
    return (next(found) if t is not None and t.requires_grad else None for t in tensors)
