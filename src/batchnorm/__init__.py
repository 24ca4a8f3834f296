"""Batch normalization for PyTorch: train with it, measure it, understand it, ship it.

The rooms, from below: `functional` (tensors in, tensors out), `nn` (the layers), `models`, `data`, `wiring` (what a
model did while it ran), `statistics` (whose moments normalize), `surgery` (folding), `runs` (trained nets and their
files), `training` and `bench` (what it costs). `docs/architecture.md` has the picture of the house.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from ._version import __version__ as __version__
from .allocator import tune_allocator as tune_allocator
from .errors import InputError as InputError

if TYPE_CHECKING:
    from . import bench as bench
    from . import calls as calls
    from . import data as data
    from . import functional as functional
    from . import models as models
    from . import nn as nn
    from . import norms as norms
    from . import runs as runs
    from . import statistics as statistics
    from . import surgery as surgery
    from . import training as training
    from . import wiring as wiring
    from .runs import load_folded as load_folded
    from .runs import save_folded as save_folded
    from .statistics import recalibrate as recalibrate
    from .surgery import drop_originals as drop_originals
    from .surgery import fold as fold
    from .surgery import unfold as unfold
    from .wiring import trace as trace

_ROOMS = (
    "bench",
    "calls",
    "data",
    "functional",
    "models",
    "nn",
    "norms",
    "runs",
    "statistics",
    "surgery",
    "training",
    "transaction",
    "wiring",
)
_VERBS = {
    "drop_originals": "surgery",
    "fold": "surgery",
    "load_folded": "runs",
    "recalibrate": "statistics",
    "save_folded": "runs",
    "trace": "wiring",
    "unfold": "surgery",
}
"""What is used by so many that it stands here, too, and the room it lives in."""


def __getattr__(name: str) -> Any:
    """Open a room when it is first asked for: the command line starts before torch is imported."""
    if name in _ROOMS:
        return import_module(f".{name}", __name__)
    if name in _VERBS:
        return getattr(import_module(f".{_VERBS[name]}", __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *_ROOMS, *_VERBS})
