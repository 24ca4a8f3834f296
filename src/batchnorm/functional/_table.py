"""Which implementation computes a call? One table for all functions that have several; the first line that holds."""

from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor

from ..kernels import cpu, gpu
from ._pays import affine_pays, pays
from ._plain import are_plain
from ._transforms import inside_transform
from ._unwatched import is_unwatched
from ._why_not import why_not, why_not_affine


class Row(NamedTuple):
    """One line of the table: `route` computes a call of `function` if `holds(...)`, and no line above did."""

    function: str
    route: str
    when: str
    why: str
    holds: Callable[..., bool]


def _always(*_: Any) -> bool:
    return True


TABLE = (
    Row(
        "batch_norm",
        "composed",
        "inside a torch.func transform",
        "plain operations follow any nesting of grad, jvp and vmap",
        lambda a: inside_transform(),
    ),
    Row(
        "batch_norm",
        "native",
        "inside torch.export",
        "an exported program is to run where this library is not",
        lambda a: torch.compiler.is_exporting(),
    ),
    Row(
        "batch_norm",
        "fused",
        "x on a CPU, contiguous or channels_last, in float32, float64 or bfloat16; activation None, relu, relu6, silu "
        "or hardswish, beside a residual or a 2x2 pool relu; at least 2**18 values (2**19 channels_last, 2**20 in "
        "evaluation); numba is installed",
        "one go over memory for all steps: see docs/benchmarks.md",
        lambda a: pays(a) and why_not(a) is None,
    ),
    Row(
        "batch_norm",
        "native",
        "everything else",
        "torch's kernel for the device, one pass over memory less",
        _always,
    ),
    Row(
        "channel_affine",
        "composed",
        "a compiler, a tracer, a transform or a dispatch mode looks on; tensors of subclasses",
        "plain operations, each seen",
        lambda x, scale, shift, activation: not (is_unwatched() and are_plain(x, scale, shift)),
    ),
    Row(
        "channel_affine",
        "fused",
        "as batch_norm, but at least 2**20 values contiguous, 2**21 channels_last and only with an activation, 2**17 "
        "in bfloat16",
        "one sweep instead of two or three",
        lambda x, scale, shift, activation: affine_pays(x, activation) and why_not_affine(x, activation) is None,
    ),
    Row(
        "channel_affine",
        "native",
        "everything else",
        "torch's operators, in place on what they have just computed",
        _always,
    ),
    Row(
        "exact_moments",
        "fused",
        "x on a GPU (CUDA or ROCm, with Triton) whose spatial axes lie in memory as one; on a CPU as batch_norm, "
        "of any size",
        "one read, with sums in float64",
        lambda x: gpu.takes(x) or _is_read_by_cpu(x),
    ),
    Row(
        "exact_moments",
        "native",
        "everything else",
        "torch's operators on pieces that are widened to float64",
        _always,
    ),
)
"""All lines. Those of `batch_norm` are those of `batch_norm_add` and `batch_norm_pool`, too."""


def choose(function: str, *given: Any) -> str:
    """The route that the table names for a call of that function."""
    return next(row.route for row in TABLE if row.function == function and row.holds(*given))


def _is_read_by_cpu(x: Tensor) -> bool:
    return type(x) is Tensor and x.dim() > 1 and x.numel() > 0 and not x.is_neg() and cpu.why_not(x) is None


def route_table() -> str:
    """The table by which `route="auto"` chooses, as Markdown: of a function's lines the first that holds wins.

    The lines of `batch_norm` are those of `batch_norm_add` and `batch_norm_pool`, too.

    Example:
        >>> print(route_table())  # doctest: +ELLIPSIS
        | function | route | when | why |
        |---|---|---|---|
        | batch_norm | composed | inside a torch.func transform | ... |
        | exact_moments | native | everything else | ... |
    """
    lines = ["| function | route | when | why |", "|---|---|---|---|"]
    return "\n".join(lines + [f"| {' | '.join(row[:-1])} |" for row in TABLE])
