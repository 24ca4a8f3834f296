"""PyTorch's batch norm layers, with an optional activation, residual or max-pool as the last step."""

from ._add import BatchNormAdd2d as BatchNormAdd2d
from ._layers import BatchNorm1d as BatchNorm1d
from ._layers import BatchNorm2d as BatchNorm2d
from ._layers import BatchNorm3d as BatchNorm3d
from ._lazy import LazyBatchNorm1d as LazyBatchNorm1d
from ._lazy import LazyBatchNorm2d as LazyBatchNorm2d
from ._lazy import LazyBatchNorm3d as LazyBatchNorm3d
from ._pool import BatchNormPool2d as BatchNormPool2d
from ._scale_shift import ScaleShift as ScaleShift
from ._set_route import set_route as set_route
from ._tail import Tail as Tail

__all__ = [
    "BatchNorm1d",
    "BatchNorm2d",
    "BatchNorm3d",
    "BatchNormAdd2d",
    "BatchNormPool2d",
    "LazyBatchNorm1d",
    "LazyBatchNorm2d",
    "LazyBatchNorm3d",
    "ScaleShift",
    "Tail",
    "set_route",
]


def __dir__() -> list[str]:
    return __all__
