"""Batch normalization as functions of tensors: its four steps, and what is made of them."""

from ._activation import ACTIVATIONS as ACTIVATIONS
from ._activation import Activation as Activation
from ._activation import activate as activate
from ._activation import check_activation as check_activation
from ._batch_norm import batch_norm as batch_norm
from ._batch_norm_add import batch_norm_add as batch_norm_add
from ._batch_norm_pool import batch_norm_pool as batch_norm_pool
from ._channel_affine import channel_affine as channel_affine
from ._channels import HALF_TYPES as HALF_TYPES
from ._channels import widen as widen
from ._exact_moments import exact_moments as exact_moments
from ._finish import check_kernel_size as check_kernel_size
from ._finish import check_pool as check_pool
from ._finish import finish as finish
from ._given import check_given as check_given
from ._moments import Moments as Moments
from ._moments import batch_moments as batch_moments
from ._routes import ROUTES as ROUTES
from ._routes import check_route as check_route
from ._running import check_counter as check_counter
from ._running import cumulative_momentum as cumulative_momentum
from ._running import update_running_stats as update_running_stats
from ._scaling import MinMax as MinMax
from ._scaling import ZScore as ZScore
from ._scaling import minmax as minmax
from ._scaling import minmax_inverse as minmax_inverse
from ._scaling import zscore as zscore
from ._scaling import zscore_inverse as zscore_inverse
from ._steps import affine as affine
from ._steps import normalize as normalize
from ._steps import scale_shift as scale_shift
from ._steps import standardize as standardize
from ._table import TABLE as TABLE
from ._table import route_table as route_table
from ._torchscript import activate_in_script as activate_in_script
from ._torchscript import channel_affine_in_script as channel_affine_in_script
from ._transforms import has_tangent as has_tangent
from ._transforms import inside_transform as inside_transform
from .sources import BATCH as BATCH
from .sources import RUNNING as RUNNING
from .sources import Batch as Batch
from .sources import Blend as Blend
from .sources import Ghost as Ghost
from .sources import Masked as Masked
from .sources import Normalizer as Normalizer
from .sources import Population as Population
from .sources import Renorm as Renorm
from .sources import Source as Source
from .sources import State as State
from .sources import Sync as Sync
from .sources import as_source as as_source
from .sources import gathers as gathers

__all__ = [
    "ACTIVATIONS",
    "ROUTES",
    "Activation",
    "MinMax",
    "Moments",
    "ZScore",
    "activate",
    "affine",
    "batch_moments",
    "batch_norm",
    "batch_norm_add",
    "batch_norm_pool",
    "channel_affine",
    "exact_moments",
    "minmax",
    "minmax_inverse",
    "normalize",
    "route_table",
    "scale_shift",
    "update_running_stats",
    "zscore",
    "zscore_inverse",
]


def __dir__() -> list[str]:
    return __all__
