"""Batch normalization for PyTorch: train with it, measure it, understand it, ship it.

The public rooms: `batchnorm.functional` (tensors in, tensors out), `batchnorm.nn` (the layers),
`batchnorm.models`, `batchnorm.data`, `batchnorm.training`. The picture of the house is in `docs/architecture.md`.
"""

from ._version import __version__ as __version__
