"""PyTorch's batch norm layers, with an optional activation, residual or max-pool as the last step."""

from batchnorm.functional import Batch as Batch
from batchnorm.functional import Blend as Blend
from batchnorm.functional import Ghost as Ghost
from batchnorm.functional import Masked as Masked
from batchnorm.functional import Normalizer as Normalizer
from batchnorm.functional import Population as Population
from batchnorm.functional import Renorm as Renorm
from batchnorm.functional import Source as Source
from batchnorm.functional import State as State
from batchnorm.functional import Sync as Sync

from ._activated_by import ACTIVATED_BY as ACTIVATED_BY
from ._add import BatchNormAdd2d as BatchNormAdd2d
from ._forward import Forward as Forward
from ._ghost import GhostBatchNorm1d as GhostBatchNorm1d
from ._ghost import GhostBatchNorm2d as GhostBatchNorm2d
from ._ghost import GhostBatchNorm3d as GhostBatchNorm3d
from ._layers import BatchNorm1d as BatchNorm1d
from ._layers import BatchNorm2d as BatchNorm2d
from ._layers import BatchNorm3d as BatchNorm3d
from ._lazy import LazyBatchNorm1d as LazyBatchNorm1d
from ._lazy import LazyBatchNorm2d as LazyBatchNorm2d
from ._lazy import LazyBatchNorm3d as LazyBatchNorm3d
from ._moments_of import give_source as give_source
from ._moments_of import given_to as given_to
from ._nothing import nothing as nothing
from ._pool import BatchNormPool2d as BatchNormPool2d
from ._recomputing import SAFE as SAFE
from ._recomputing import FirstRun as FirstRun
from ._recomputing import is_recomputing as is_recomputing
from ._scale_shift import ScaleShift as ScaleShift
from ._set_moments import set_moments as set_moments
from ._set_route import set_route as set_route
from ._sync import SyncBatchNorm as SyncBatchNorm
from ._tail import Tail as Tail
from ._tracking import Gatherer as Gatherer
from ._tracking import Moved as Moved
from ._tracking import Policy as Policy
from ._tracking import Tracking as Tracking
from ._tracking import Verdict as Verdict
from ._tracking import bare as bare
from ._tracking import tracking_of as tracking_of
from ._uncounted import uncounted as uncounted

__all__ = [
    "Batch",
    "BatchNorm1d",
    "BatchNorm2d",
    "BatchNorm3d",
    "BatchNormAdd2d",
    "BatchNormPool2d",
    "Blend",
    "Ghost",
    "GhostBatchNorm1d",
    "GhostBatchNorm2d",
    "GhostBatchNorm3d",
    "LazyBatchNorm1d",
    "LazyBatchNorm2d",
    "LazyBatchNorm3d",
    "Masked",
    "Normalizer",
    "Population",
    "Renorm",
    "ScaleShift",
    "Source",
    "State",
    "Sync",
    "SyncBatchNorm",
    "Tail",
    "set_moments",
    "set_route",
]


def __dir__() -> list[str]:
    return __all__


for _kept in (Tracking, FirstRun, nothing):
    _kept.__module__ = __name__  # where a pickle looks for what stays with a layer
