"""Which places of its input does a layer of ours normalize that is called with a mask?"""

from typing import Any

from torch import Tensor, nn

from ..functional import Source
from ._find import Norm

VALID = "valid"
"""How a norm reads whose source takes a mask: the valid places of its first argument, whose channels are axis 1."""


def has_masks(norm: Norm) -> bool:
    """Whether the calls of a norm have masks."""
    return any(_takes_mask(module) for module in norm.modules)


def valid_places(module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> object:
    """What a call normalizes: of an input (N, C, *) with a mask the valid places (M, C), else the input as it is.

    In evaluation, too, where the layer's operator is given all places and the mask is laid over what it returns.
    """
    x = args[0] if args else kwargs.get("input", next(iter(kwargs.values()), None))
    mask = args[1] if len(args) > 1 else kwargs.get("mask")
    if not (_takes_mask(module) and isinstance(x, Tensor) and isinstance(mask, Tensor)):
        return x
    if x.dim() < 2 or mask.numel() != x.numel() // max(1, x.shape[1]):
        return x  # the layer itself will refuse it
    return x.movedim(1, -1)[mask.reshape(len(x), *x.shape[2:])]


def _takes_mask(module: nn.Module) -> bool:
    source = getattr(module, "moments", None)
    return isinstance(source, Source) and source.takes_mask
