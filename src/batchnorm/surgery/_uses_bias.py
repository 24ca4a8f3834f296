"""Would a convolution with a forward of its own use a bias if it had one?"""

import torch
from torch import nn

from ..wiring import Pass, Product, Value


def uses_bias(module: nn.Module, seen: Pass, product: Product) -> bool:
    """Try it: give the module a bias for a moment, and look whether its output moves by just that.

    Args:
        module: a convolution or linear layer whose `bias` is None.
        seen: the pass in which it ran.
        product: the product inside it.
    """
    call = next((call for call in seen.calls if call.name == product.where and call.finished), None)
    if call is None or call.kwargs or len(call.args) != 1 or not isinstance(call.args[0], Value):
        return False
    weight = module.get_parameter("weight")
    x = torch.zeros(call.args[0].shape, dtype=weight.dtype, device=weight.device)
    count = product.output.shape[product.out_axis]
    bias = torch.arange(1, count + 1, dtype=weight.dtype, device=weight.device)
    try:
        without = module.forward(x)
        module._parameters["bias"] = nn.Parameter(bias, requires_grad=False)
        with_it = module.forward(x)
    except Exception:  # it does not take one
        return False
    finally:
        module._parameters["bias"] = None
    shape = [-1 if axis == product.out_axis else 1 for axis in range(with_it.dim())]
    return with_it.shape == product.output.shape and bool(
        torch.equal(with_it - without, bias.reshape(shape).expand_as(with_it))
    )
