"""Batch normalization for PyTorch: train with it, measure it, understand it, ship it.

Here is what is used most:

    recalibrate      compute running statistics anew from data
    evaluate         loss and accuracy by running and by batch statistics
    fold, unfold     put batch norm into the weights, and take it out again
    trace            which module made which tensor, and who read it
    fit, predict     train by a TrainConfig; classify images with what was trained
    tune_allocator   keep freed memory for the next step
    InputError       raised for an argument, a file or a model that cannot be used

The rest is in modules, each opened when it is first asked for:

    nn, functional   the layers; the functions that they are made of
    models, data     image classifiers with any norm; data sets in memory
    training, runs   the training loop; trained models and their files
    statistics       whose moments normalize
    evaluation       a model judged on a loader
    surgery          folding
    wiring, norms    what a model did while it ran; which modules are batch norms
    calls            how a model is called with a batch or an example
    transaction      a model changed for a while, and put back
    bench            what batch norm costs
    records, tables  results, written and read back; their cells
    report           pictures of them
    errors           exceptions that carry what is wrong as data

`docs/api.md` lists what is in each of them; `__version__` is this library's.
"""

from importlib import import_module
from typing import TYPE_CHECKING

from ._version import __version__ as __version__
from .allocator import tune_allocator as tune_allocator
from .errors import InputError as InputError

if TYPE_CHECKING:
    from . import bench as bench
    from . import calls as calls
    from . import data as data
    from . import errors as errors
    from . import evaluation as evaluation
    from . import functional as functional
    from . import models as models
    from . import nn as nn
    from . import norms as norms
    from . import records as records
    from . import report as report
    from . import runs as runs
    from . import statistics as statistics
    from . import surgery as surgery
    from . import tables as tables
    from . import training as training
    from . import transaction as transaction
    from . import wiring as wiring
    from .runs import TrainConfig as TrainConfig
    from .runs import evaluate as evaluate
    from .runs import load_folded as load_folded
    from .runs import predict as predict
    from .runs import save_folded as save_folded
    from .statistics import recalibrate as recalibrate
    from .surgery import drop_originals as drop_originals
    from .surgery import fold as fold
    from .surgery import unfold as unfold
    from .training import fit as fit
    from .wiring import trace as trace

_ROOMS = (
    "bench",
    "calls",
    "data",
    "errors",
    "evaluation",
    "functional",
    "models",
    "nn",
    "norms",
    "records",
    "report",
    "runs",
    "statistics",
    "surgery",
    "tables",
    "training",
    "transaction",
    "wiring",
)
_FROM = {
    "TrainConfig": "runs",
    "drop_originals": "surgery",
    "evaluate": "runs",
    "fit": "training",
    "fold": "surgery",
    "load_folded": "runs",
    "predict": "runs",
    "recalibrate": "statistics",
    "save_folded": "runs",
    "trace": "wiring",
    "unfold": "surgery",
}
"""What is used most, and the room that it lives in. Type checkers read the imports above instead of the two tables."""

__all__ = sorted(("InputError", "__version__", "tune_allocator", *_ROOMS, *_FROM))  # noqa: PLE0605  # it is a list


def __dir__() -> list[str]:
    return __all__


if not TYPE_CHECKING:  # to a type checker it would make every name one that exists

    def __getattr__(name: str) -> object:
        """Open a room when it is first asked for: the command line starts before torch is imported."""
        if name in _ROOMS:
            return import_module(f".{name}", __name__)
        if name in _FROM:
            return getattr(import_module(f".{_FROM[name]}", __name__), name)
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
