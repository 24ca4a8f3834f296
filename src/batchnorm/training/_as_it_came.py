"""Has a net that cannot be trained as asked the settings again with which its user handed it over?"""

from collections.abc import Iterator
from contextlib import contextmanager

from torch import nn

from ..functional import Source


@contextmanager
def as_it_came_if_refused(net: nn.Module) -> Iterator[None]:
    """Give the layers of this package their routes and sources of moments back if the block raises.

    Example:
        >>> from batchnorm.nn import BatchNorm1d, set_moments
        >>> norm = BatchNorm1d(3)
        >>> with as_it_came_if_refused(norm):
        ...     _ = set_moments(norm, "ghost:4")
        ...     raise ValueError("refused")
        Traceback (most recent call last):
        ValueError: refused
        >>> norm.moments
        Batch()
    """
    layers = [module for module in net.modules() if isinstance(getattr(module, "moments", None), Source)]
    before = [(layer.route, layer.moments) for layer in layers]
    try:
        yield
    except BaseException:
        for layer, (route, moments) in zip(layers, before, strict=True):
            layer.route, layer.moments = route, moments
        raise
