"""Batch normalization for PyTorch: train with it, measure it, understand it, ship it.

The rooms, from below: `functional` (tensors in, tensors out), `nn` (the layers), `models`, `data`, `statistics`
(whose moments normalize) and `training`. The picture of the house is in `docs/architecture.md`.
"""

from . import data as data
from . import functional as functional
from . import models as models
from . import nn as nn
from . import statistics as statistics
from . import training as training
from ._version import __version__ as __version__
from .errors import InputError as InputError
