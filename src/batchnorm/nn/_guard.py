"""How does a layer with an activation keep torch's own tools from dropping it without a word?

`SyncBatchNorm.convert_sync_batchnorm` and `torch.nn.utils.fusion` take any subclass of torch's
layers, read weight, bias, statistics and eps, and build another layer from these. All that they
have in common is that they read `eps`, so it is there that they are told.
"""

import inspect
import sys
from collections.abc import Callable
from typing import Any, Final

from torch.nn import Module, SyncBatchNorm
from torch.nn.utils import fusion

_TOOLS: Final[dict[str, Callable[..., Any]]] = {
    "torch.nn.utils.fusion.fuse_conv_bn_eval": fusion.fuse_conv_bn_eval,
    "torch.nn.utils.fusion.fuse_linear_bn_eval": fusion.fuse_linear_bn_eval,
    "SyncBatchNorm.convert_sync_batchnorm": SyncBatchNorm.convert_sync_batchnorm,
}
"""The functions of torch that would lose an activation."""

_BLIND: Final = {inspect.unwrap(tool).__code__: name for name, tool in _TOOLS.items()}


class GuardedEps:
    """The attribute `eps`, kept in `__dict__` as torch keeps it, with a look at who reads it.

    A data descriptor: state, copies, pickles and `extra_repr` are as if it were not there.
    """

    def __get__(self, layer: Module, owner: type[Module] | None = None) -> float:
        if getattr(layer, "activation", None) is not None:
            tool = _BLIND.get(sys._getframe(1).f_code)
            if tool is not None:
                raise RuntimeError(
                    f"{type(layer).__name__}: {tool} would drop the activation "
                    f"({layer.activation!r}) of this layer. Take it out first: put it behind the "
                    "layer as a module of its own and set layer.activation = None."
                )
        eps: float = layer.__dict__["eps"]
        return eps

    def __set__(self, layer: Module, value: float) -> None:
        layer.__dict__["eps"] = value
