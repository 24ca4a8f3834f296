"""Would a convolution with a forward of its own use a bias if it had one?"""

from typing import Any

import torch
from torch import Tensor, nn

from ...calls import OperatorMode
from ...wiring import Pass, Product, Value


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
    watch = _GivenBias(bias)
    try:
        without = module.forward(x)
        module._parameters["bias"] = nn.Parameter(bias, requires_grad=False)
        with watch:
            with_it = module.forward(x)
    except Exception:  # it does not take one
        return False
    finally:
        module._parameters["bias"] = None
    if not watch.given:
        return False
    shape = [-1 if axis == product.out_axis else 1 for axis in range(with_it.dim())]
    return with_it.shape == product.output.shape and bool(
        torch.equal(with_it - without, bias.reshape(shape).expand_as(with_it))
    )


class _GivenBias(OperatorMode):
    """Sees whether a product itself was given a bias: added later, behind an activation, it is something else."""

    def __init__(self, bias: Tensor) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # torch's
        self.given = False
        self._place = bias.data_ptr()

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        if func in _PRODUCTS and any(isinstance(x, Tensor) and x.data_ptr() == self._place for x in args):
            self.given = True
        return func(*args, **(kwargs or {}))


_PRODUCTS = (torch.ops.aten.convolution.default, torch.ops.aten.addmm.default)
