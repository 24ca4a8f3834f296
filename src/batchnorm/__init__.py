"""Batch norm for the PyTorch models that you already have: evaluate, recalibrate and fold it; layers and a trainer.

The functions that most programs need:

    recalibrate               recompute the running statistics of a model from data
    evaluate                  loss and accuracy with running statistics and with batch statistics
    freeze, unfreeze          keep running statistics constant in training, and undo it
    fold, unfold              fold batch norm into the weights, and undo it
    convert, revert           give batch norm layers another class, and undo it
    save_folded, load_folded  write a folded model to a file, and load it
    drop_originals            free the memory that a folded model keeps for `unfold`
    trace                     which module produced each tensor, and which ones used it
    fit, predict              train an image classifier by a TrainConfig; classify images with it
    tune_allocator            keep freed memory for the next training step
    InputError                raised for an argument, a file or a model that cannot be used

All else is in modules, each imported when it is first used:

    nn, functional   the layers; the functions they are made of
    models, data     image classifiers with any norm layer; image data sets
    training, runs   the training loop; finished runs and their files
    study            what is claimed of batch norm, measured, with verdicts
    evaluation       types of the arguments of `evaluate`
    statistics       recalibration; freezing; batch statistics inside a `with` block
    surgery          folding; conversion of batch norm layers
    wiring, norms    what a model does while it runs; its batch norm layers
    calls            how a model is called with a batch or an example
    transaction      change a model temporarily, and restore it
    bench            what batch norm costs
    records, tables  results that can be written and read back; tables of them
    report           pictures of results
    errors           exceptions that carry what is wrong as data

`docs/api.md` lists the contents of each module; `__version__` is the version of this library.
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
    from . import study as study
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
    from .statistics import freeze as freeze
    from .statistics import recalibrate as recalibrate
    from .statistics import unfreeze as unfreeze
    from .surgery import convert as convert
    from .surgery import drop_originals as drop_originals
    from .surgery import fold as fold
    from .surgery import revert as revert
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
    "study",
    "surgery",
    "tables",
    "training",
    "transaction",
    "wiring",
)
_FROM = {
    "TrainConfig": "runs",
    "convert": "surgery",
    "drop_originals": "surgery",
    "evaluate": "runs",
    "fit": "training",
    "fold": "surgery",
    "freeze": "statistics",
    "load_folded": "runs",
    "predict": "runs",
    "recalibrate": "statistics",
    "revert": "surgery",
    "save_folded": "runs",
    "trace": "wiring",
    "unfold": "surgery",
    "unfreeze": "statistics",
}
"""What is used most, and the module that it is in. Type checkers read the imports above instead of the two tables."""

__all__ = sorted(("InputError", "__version__", "tune_allocator", *_ROOMS, *_FROM))  # noqa: PLE0605  # it is a list


def __dir__() -> list[str]:
    return __all__


if not TYPE_CHECKING:  # to a type checker it would make every name one that exists

    def __getattr__(name: str) -> object:
        """Import a module when it is first asked for: the command line starts before torch is imported."""
        if name in _ROOMS:
            return import_module(f".{name}", __name__)
        if name in _FROM:
            return getattr(import_module(f".{_FROM[name]}", __name__), name)
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
