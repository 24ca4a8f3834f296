"""How does a layer that does more than torch's keep torch's own tools from dropping that without a word?

These tools take any subclass of torch's layers, read weight, bias, statistics and eps, and build
another layer from these. All that they have in common is that they read `eps`, so it is there that
they are told. They are known by the names of their module and function: none has to be imported.
"""

import sys
from typing import Final

from torch.nn import Module

_BLIND: Final = {
    (
        "torch.nn.utils.fusion",
        "fuse_conv_bn_eval",
    ): "torch.nn.utils.fusion.fuse_conv_bn_eval",
    (
        "torch.nn.utils.fusion",
        "fuse_linear_bn_eval",
    ): "torch.nn.utils.fusion.fuse_linear_bn_eval",
    (
        "torch.nn.modules.batchnorm",
        "SyncBatchNorm.convert_sync_batchnorm",
    ): "SyncBatchNorm.convert_sync_batchnorm",
    (
        "torch.utils.mkldnn",
        "MkldnnBatchNorm.__init__",
    ): "torch.utils.mkldnn.to_mkldnn",
    (
        "torch.ao.nn.quantized.modules.batchnorm",
        "_BatchNorm.from_float",
    ): "torch.ao.nn.quantized's from_float",
    (
        "torch.ao.nn.quantized.modules.batchnorm",
        "_BatchNorm.from_reference",
    ): "torch.ao.nn.quantized's from_reference",
}
"""The functions of torch that would lose what a layer does besides, as (module, function): name in the message."""


class GuardedEps:
    """The attribute `eps`, kept in `__dict__` as torch keeps it, with a look at who reads it.

    A data descriptor: state, copies, pickles and `extra_repr` are as if it were not there.
    """

    def __get__(self, layer: Module | None, owner: type[Module] | None = None) -> float:
        if layer is None:
            raise AttributeError(f"type object {getattr(owner, '__name__', owner)!r} has no attribute 'eps'")
        loss = _loss(layer)
        if loss is not None:
            frame = sys._getframe(1)
            tool = _BLIND.get((frame.f_globals.get("__name__", ""), frame.f_code.co_qualname))
            if tool is not None:
                raise RuntimeError(f"{type(layer).__name__}: {tool} would drop {loss}")
        if "eps" not in layer.__dict__:
            raise _missing(layer)
        eps: float = layer.__dict__["eps"]
        return eps

    def __set__(self, layer: Module, value: float) -> None:
        layer.__dict__["eps"] = value

    def __delete__(self, layer: Module) -> None:
        if "eps" not in layer.__dict__:
            raise _missing(layer)
        del layer.__dict__["eps"]


def _loss(layer: Module) -> str | None:
    """What the layer does besides torch's, and how to keep it; None if it does nothing else."""
    activation, step = getattr(layer, "activation", None), getattr(layer, "own_step", None)
    named = f"the activation ({activation!r})"
    if step is not None:
        lost = step if activation is None else f"{step} and {named}"
        return (
            f"{lost} of this layer. Put a BatchNorm2d without activation in its place first, which takes its "
            "state_dict, and do the rest behind it."
        )
    if activation is not None:
        return (
            f"{named} of this layer. Take it out first: put it behind the layer as a module of its own "
            "and set layer.activation = None."
        )
    return None


def _missing(layer: Module) -> AttributeError:
    return AttributeError(f"{type(layer).__name__!r} object has no attribute 'eps'")
