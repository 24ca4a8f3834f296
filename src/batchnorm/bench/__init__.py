"""Measure what batch norm costs: layers and whole training steps, timed against PyTorch's. Nothing is printed."""

from ._cache import Sweep as Sweep
from ._cache import cpus as cpus
from ._cache import last_level_cache as last_level_cache
from ._cases import DTYPES as DTYPES
from ._cases import FAMILIES as FAMILIES
from ._cases import MEMORY_FORMATS as MEMORY_FORMATS
from ._cases import NETS as NETS
from ._cases import SHAPES as SHAPES
from ._cases import LayerCase as LayerCase
from ._cases import NetCase as NetCase
from ._cases import Settings as Settings
from ._cases import layer_cases as layer_cases
from ._layer import measure_layer as measure_layer
from ._run import ALLOCATORS as ALLOCATORS
from ._run import Report as Report
from ._run import machine_load as machine_load
from ._run import measure_job as measure_job
from ._run import processor as processor
from ._run import run_benchmark as run_benchmark
from ._run import versions as versions
from ._saved import saved_bytes as saved_bytes
from ._saved import state_of as state_of
from ._step import measure_step as measure_step
from ._timing import Arm as Arm
from ._timing import threads as threads
from ._timing import time_in_turn as time_in_turn
from ._traffic import DIRECTIONS as DIRECTIONS
from ._traffic import floor_bytes as floor_bytes

__all__ = [
    "ALLOCATORS",
    "DIRECTIONS",
    "DTYPES",
    "FAMILIES",
    "MEMORY_FORMATS",
    "NETS",
    "SHAPES",
    "Arm",
    "LayerCase",
    "NetCase",
    "Report",
    "Settings",
    "Sweep",
    "floor_bytes",
    "last_level_cache",
    "layer_cases",
    "machine_load",
    "measure_job",
    "measure_layer",
    "measure_step",
    "run_benchmark",
    "saved_bytes",
    "threads",
    "time_in_turn",
]


def __dir__() -> list[str]:
    return __all__
