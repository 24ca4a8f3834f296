"""What does a pass of kernels need that follows from the kind of its tensor alone? It is made once for each kind.

A net has few kinds of tensors and calls its kernels often: a call copies the arguments that are known beforehand, adds
the addresses, and runs.
"""

from array import array
from functools import lru_cache
from math import prod
from typing import NamedTuple

import torch

from .._layout import Columns, Rows, layout_by
from .._masks import bytes_of_pool, bytes_of_sum
from .._memory_format import LAST, format_by, strides_of
from ._numba import Kernel
from ._work import SERIAL, WAYS, Kind, by_columns, by_rows
from .jit.slots import FORWARD, PLACES

LITTLE = 1 << 12
"""Bytes of tables that lie behind the arguments: to copy them costs less than to ask for memory."""


class Room(NamedTuple):
    """A tensor that a kernel writes in the order in which it reads x; `form` is how it is handed on, if in another."""

    shape: tuple[int, ...]
    strides: tuple[int, ...]
    form: torch.memory_format | None = None


class Plan(NamedTuple):
    """What all passes of one way over tensors of one kind have in common."""

    layout: Rows | Columns
    number: torch.dtype  # of weight, bias and their gradients; half types are computed in float32
    arguments: "array[int]"  # with room for the tables behind them, if that is little
    scratch: int  # bytes for the tables, if that is more; else 0
    offsets: tuple[tuple[int, int], ...]  # of the tables by their places
    kernels: tuple[Kernel, ...]
    cuts: tuple[tuple[int, int] | None, ...]  # units of work, channels or pairs of rows of each; None: by the threads
    serial: bool
    streamed: int  # bytes of an output that may go past the caches, -1 for one that may not
    x: Room  # dx, dresidual
    y: Room  # y, dy, residual
    masks: int  # bytes


@lru_cache(maxsize=4096)
def plan_of(
    shape: tuple[int, ...],
    stride: tuple[int, ...],
    dtype: torch.dtype,
    way: str,
    activation: str = "identity",
    add: bool = False,  # noqa: FBT001  # keys of the cache
    pool: bool = False,  # noqa: FBT001
) -> Plan:
    """The plan for tensors of that kind, with values.

    Raises:
        RuntimeError: no kernel takes them.
    """
    kind = Kind(tuple(shape), stride, dtype, way, activation, add, pool)
    layout, number = known_layout(shape, stride), torch.float64 if dtype is torch.float64 else torch.float32
    serial = prod(shape) < SERIAL
    work = by_rows(layout, kind, number) if isinstance(layout, Rows) else by_columns(layout, kind, number)
    sizes = work.sizes | {"phase": WAYS[way].phase, "training": WAYS[way].training}
    if pool:
        sizes |= {"n": shape[0], "height": shape[2], "image_width": shape[3]}
    scratch, offsets = _side_by_side(work.tables)
    arguments, little = array("q", (sizes.get(name, 0) for name in PLACES)), serial and scratch <= LITTLE
    whole = not pool and (isinstance(layout, Columns) or layout.length % 8 == 0)
    x = _room(kind, layout)
    return Plan(
        layout,
        number,
        arguments + array("q", bytes(scratch)) if little else arguments,
        0 if little else scratch,
        offsets,
        tuple(kernel for kernel, _ in work.stages),
        tuple(cut for _, cut in work.stages),
        serial,
        prod(shape) * dtype.itemsize if whole else -1,
        x,
        _pooled(kind, layout) if pool else x,
        _mask_bytes(kind, layout),
    )


def known_layout(shape: tuple[int, ...], stride: tuple[int, ...]) -> Rows | Columns:
    """The layout of a tensor with that shape and these strides.

    Raises:
        RuntimeError: no kernel takes it.
    """
    layout = layout_by(shape, stride)
    if layout is None:
        raise RuntimeError(
            f"the CPU kernels take a dense tensor, contiguous or channels_last, got strides {stride} "
            f"for shape {tuple(shape)}. Call .contiguous() first, or take route='native'."
        )
    return layout


def _side_by_side(tables: dict[str, int]) -> tuple[int, tuple[tuple[int, int], ...]]:
    """The bytes that the kernels of one pass share, and where in them each table begins, by its place."""
    # They are one piece of memory: to ask for several costs more.
    begin, offsets = 0, []
    for name, size in tables.items():
        offsets.append((PLACES[name], begin))
        begin += -(-size // 64) * 64
    return begin, tuple(offsets)


def _room(kind: Kind, layout: Rows | Columns) -> Room:
    """A tensor like x: in the format of a batch norm's output, if a kernel that reads x writes in that order."""
    then = WAYS[kind.way].phase == FORWARD and (kind.add or kind.activation != "identity")
    form, strides = format_by(kind.shape, kind.stride, then)
    if isinstance(layout_by(kind.shape, strides), type(layout)):
        return Room(kind.shape, strides)
    return Room(kind.shape, kind.stride if isinstance(layout, Columns) else strides_of(kind.shape, form), form)


def _pooled(kind: Kind, layout: Rows | Columns) -> Room:
    """An output of a 2×2 pool, in the order in which x lies in memory."""
    n, c, height, width = kind.shape
    pooled = (n, c, height // 2, width // 2)
    return Room(pooled, strides_of(pooled, LAST[4] if isinstance(layout, Columns) else torch.contiguous_format))


def _mask_bytes(kind: Kind, layout: Rows | Columns) -> int:
    rows = isinstance(layout, Rows)
    if kind.pool:
        return bytes_of_pool(kind.shape, rows=rows)
    return bytes_of_sum(kind.shape, rows=rows) if kind.add else 0
