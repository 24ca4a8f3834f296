"""From which size on is a kernel faster than torch's operators? Below, its call costs more than the memory."""

import torch
from torch import Tensor

from ..kernels import sizes_are_symbolic
from ._activation import Activation
from ._arguments import Arguments

FEWEST_ROWS, FEWEST_COLUMNS, FEWEST_EVALUATED = 1 << 18, 1 << 19, 1 << 20
"""The fewest values for which the kernels of batch norm pay: in training by layout, in evaluation.

Measured: benchmarks/results/bench.md.
"""
FEWEST = min(FEWEST_ROWS, FEWEST_COLUMNS, FEWEST_EVALUATED)
AFFINE_ROWS, AFFINE_COLUMNS, AFFINE_BFLOAT16 = 1 << 20, 1 << 21, 1 << 17
"""The fewest values for which one sweep of a kernel is faster than torch's two or three for a frozen scale and shift,
by layout; measured on a CPU with 32 MiB of last-level cache. In bfloat16 torch's way goes through float32, and costs
two to three times as much."""


def pays(a: Arguments) -> bool:
    """Whether the kernels are faster than torch's operators for a batch norm of an x of this size and layout."""
    if torch.jit.is_tracing():  # type: ignore[attr-defined, no-untyped-call]  # torch's gap
        return False  # a trace takes the size for a constant, and warns
    rows = a.x.dim() > 2 and a.x.is_contiguous()
    fewest = FEWEST_EVALUATED if not a.training else FEWEST_ROWS if rows else FEWEST_COLUMNS
    if not sizes_are_symbolic(a.x):
        return a.x.numel() >= fewest
    # A batch of unknown size must not be asked for a number, which would make the graph one for that size.
    from torch.fx.experimental.symbolic_shapes import statically_known_true

    return statically_known_true(a.x.numel() >= fewest)


def affine_pays(x: Tensor, activation: Activation) -> bool:
    """Whether a kernel is faster than torch's operators for a frozen scale and shift."""
    if x.dtype is torch.bfloat16:
        fewest = AFFINE_BFLOAT16
    elif x.stride(1) != 1:
        fewest = AFFINE_ROWS
    elif activation is not None:
        fewest = AFFINE_COLUMNS
    else:
        return False  # torch's addcmul alone is one sweep, too
    return x.numel() >= fewest
