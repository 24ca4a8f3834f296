"""Which implementation do the layers of a whole model take? One call sets it for all."""

from torch import nn

from batchnorm.functional import check_route

from ..errors import InputTypeError
from ._forward import Forward


def set_route(model: nn.Module, route: str) -> int:
    """Set `route` of every layer of this package in `model`, and return how many there are.

    Layers of torch, or of others, are left alone; a layer that stands in two places counts once. A route that cannot
    compute a layer says so when the layer is called.

    Args:
        model: a layer, or a module that holds some.
        route: "auto" or a name of `batchnorm.functional.ROUTES`.

    Raises:
        ValueError: an unknown route; the message has the near names. No layer has been changed.
        TypeError: a route that is no name at all.

    Example:
        >>> from batchnorm.nn import BatchNorm1d
        >>> net = nn.Sequential(nn.Linear(3, 4), BatchNorm1d(4), nn.BatchNorm1d(4))
        >>> set_route(net, "composed"), net[1].route
        (1, 'composed')
    """
    if not isinstance(model, nn.Module):
        raise InputTypeError(verb="set_route", argument="model", expected="a torch.nn.Module", got=type(model).__name__)
    check_route(route)
    layers = [module for module in model.modules() if isinstance(module, Forward)]
    for layer in layers:
        layer.route = route
    return len(layers)
