"""Whose moments do the layers of a whole model normalize by? One call sets it for all."""

from torch import nn

from batchnorm.functional import Source, as_source

from ..errors import InputTypeError
from ._forward import Forward
from ._moments_of import check_moments


def set_moments(model: nn.Module, moments: Source | str | None) -> int:
    """Set `moments` of every layer of this package in `model`, and return how many there are.

    Layers of torch, or of others, are left alone; a layer that stands in two places counts once.

    Args:
        model: a layer, or a module that holds some.
        moments: a source, or its text; None for the batch's own.

    Raises:
        ValueError: a text that names no source. No layer has been changed, here as below.
        TypeError: neither a source nor a text; `model` is no module.
        RuntimeError: a layer cannot take that source.

    Example:
        >>> from batchnorm.nn import BatchNorm1d
        >>> net = nn.Sequential(nn.Linear(3, 4), BatchNorm1d(4), nn.BatchNorm1d(4))
        >>> set_moments(net, "ghost:16"), net[1].moments
        (1, Ghost(size=16))
    """
    if not isinstance(model, nn.Module):
        raise InputTypeError(
            verb="set_moments", argument="model", expected="a torch.nn.Module", got=type(model).__name__
        )
    source = as_source(moments)
    layers = [module for module in model.modules() if isinstance(module, Forward)]
    for layer in layers:
        check_moments(layer, source)
    for layer in layers:
        layer.moments = source
    return len(layers)
