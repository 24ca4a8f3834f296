"""The lazy twins, which take the number of channels from the first input."""

from typing import Any, ClassVar

import torch
from torch.nn import Module

from batchnorm.functional import check_given

from ._forward import Forward
from ._layers import BatchNorm1d, BatchNorm2d, BatchNorm3d, Layer
from ._takes import takes
from ._traced import is_proxy


class LazyLayer(Forward):
    """What the three take: what the layers do, without `num_features`."""

    @takes(Layer.__init__, without="num_features")
    def __init__(self, *torchs: Any, **options: Any) -> None:
        super().__init__(*torchs, **options)

    def _infer_parameters(self, module: Module, args: tuple[Any, ...], kwargs: dict[str, Any] | None = None) -> None:
        """The hook of torch, which waits for a tensor: what torch.fx traces with has no channels to count.

        It takes nothing but the input; a mask that comes with it has no channels either.
        """
        given = args[:1] or tuple(value for name, value in (kwargs or {}).items() if name == "input")
        if not any(map(is_proxy, given)):
            if given:
                check_given(type(self).__name__, f" of shape {' or '.join(self.shapes.values())}", input=given[0])
            super()._infer_parameters(module, given)  # type: ignore[misc]  # the next class is torch's lazy one


class LazyBatchNorm1d(LazyLayer, torch.nn.LazyBatchNorm1d):
    """A `BatchNorm1d` that takes `num_features` from its first input, and is one from then on.

    Example:
        >>> layer = LazyBatchNorm1d(activation="relu")
        >>> _ = layer(torch.randn(8, 3))
        >>> type(layer).__name__, layer.num_features
        ('BatchNorm1d', 3)
    """

    cls_to_become = BatchNorm1d
    shapes: ClassVar[dict[int, str]] = BatchNorm1d.shapes


class LazyBatchNorm2d(LazyLayer, torch.nn.LazyBatchNorm2d):
    """A `BatchNorm2d` that takes `num_features` from its first input, and is one from then on.

    Example:
        >>> LazyBatchNorm2d()(torch.randn(2, 3, 4, 4)).shape
        torch.Size([2, 3, 4, 4])
    """

    cls_to_become = BatchNorm2d
    shapes: ClassVar[dict[int, str]] = BatchNorm2d.shapes


class LazyBatchNorm3d(LazyLayer, torch.nn.LazyBatchNorm3d):
    """A `BatchNorm3d` that takes `num_features` from its first input, and is one from then on.

    Example:
        >>> LazyBatchNorm3d()(torch.randn(2, 3, 4, 4, 4)).shape
        torch.Size([2, 3, 4, 4, 4])
    """

    cls_to_become = BatchNorm3d
    shapes: ClassVar[dict[int, str]] = BatchNorm3d.shapes
