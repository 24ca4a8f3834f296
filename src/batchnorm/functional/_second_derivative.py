"""How are the gradients of a kernel differentiated once more? As those of the steps written out in torch."""

import torch
import torch.nn.functional as F
from torch import Tensor

from ..kernels import cpu
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
    dresidual = None
    if rules.add:
        # The residual itself is not kept: where ReLU let the sum pass is all that its gradients depend on.
        passed = cpu.unpack_masks(masks, x, sweeps.sizes if isinstance(sweeps, BySlices) else None)
        dresidual, y = torch.where(passed, dy, 0), torch.where(passed, y, 0)
    else:
        y = activate(y, None if rules.activation == "identity" else rules.activation)
    if rules.pool:
        y = F.max_pool2d(y, 2)
    leaves = [t for t in (x, weight, bias) if t is not None and t.requires_grad]
    found = iter(torch.autograd.grad(y, leaves, dy.to(y.dtype), create_graph=True)) if leaves else iter(())
    dx, dweight, dbias = (next(found) if t is not None and t.requires_grad else None for t in (x, weight, bias))
    return dx, dweight, dbias, dresidual
