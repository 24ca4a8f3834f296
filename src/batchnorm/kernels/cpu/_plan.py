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
from .._memory_format import LAST, format_by, strides_of
from ._cut import ColumnCut, cut_rows, pairs_of_rows
from ._numba import Kernel
from .jit.slots import BACKWARD, DX_ALONE, FORWARD, PLACES, SUMS_ALONE

DTYPES = {torch.float32: "float32", torch.float64: "float64", torch.bfloat16: "bfloat16"}
"""The types of x that have kernels, by the name that a kernel is asked for with."""

SERIAL = 1 << 15
"""Tensors of fewer values run in one thread: waking the others would cost more."""
LITTLE = 1 << 12
"""Bytes of tables that lie behind the arguments: to copy them costs less than to ask for memory."""


class Way(NamedTuple):
    """What a pass does: its kernel where channels are rows, those where they are columns, what these are told."""

    rows: str
    columns: tuple[str, ...]
    phase: int
    training: bool


WAYS = {
    "moments": Way("moments_alone", ("sum_moments", "prepare"), FORWARD, True),
    "forward": Way("forward", ("sum_moments", "prepare", "forward"), FORWARD, True),
    "apply": Way("forward", ("prepare", "forward"), FORWARD, False),
    "backward": Way("backward", ("prepare", "sum_gradients", "merge", "differentiate"), BACKWARD, True),
    "sums": Way("backward", ("prepare", "sum_gradients", "merge"), SUMS_ALONE, False),
    "apply_back": Way("backward", ("prepare", "differentiate"), DX_ALONE, True),
}
"""The passes by their names."""


Stage = tuple[Kernel, tuple[int, int] | None]
"""One kernel of a pass: how many units of work, and of how many channels or pairs; None: the threads decide."""


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


class _Kind(NamedTuple):
    """What a plan is made for."""

    shape: tuple[int, ...]
    stride: tuple[int, ...]
    dtype: torch.dtype
    way: str
    activation: str
    add: bool
    pool: bool

    def kernel(self, room: str, make: str) -> Kernel:
        """A kernel of the steps; a pool's has no options."""
        return Kernel(room, make, DTYPES[self.dtype], () if self.pool else (self.activation, self.add))


class _Work(NamedTuple):
    """What follows from the layout: sizes and bytes of shared memory, both by their places, and the kernels."""

    sizes: dict[str, int]
    tables: dict[str, int]
    stages: tuple[Stage, ...]


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
    kind = _Kind(tuple(shape), stride, dtype, way, activation, add, pool)
    layout, number = known_layout(shape, stride), torch.float64 if dtype is torch.float64 else torch.float32
    serial = prod(shape) < SERIAL
    work = _by_rows(layout, kind, number) if isinstance(layout, Rows) else _by_columns(layout, kind, number)
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
        _mask_bytes(kind, layout) if pool or add else 0,
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


def _by_rows(layout: Rows, kind: _Kind, number: torch.dtype) -> _Work:
    n, c, length, x_n, x_c = layout
    cut = cut_rows(layout, 1) if prod(kind.shape) < SERIAL else None
    kernel = kind.kernel("pool_rows" if kind.pool else "rows", WAYS[kind.way].rows)
    return _Work(
        {"n": n, "c": c, "l": length, "count": n * length, "x_n": x_n, "x_c": x_c},
        {"sums": 8 * 3 * c, "table": number.itemsize * 6 * c},
        ((kernel._replace(options=()) if kind.way == "moments" else kernel, cut),),
    )


def _by_columns(layout: Columns, kind: _Kind, number: torch.dtype) -> _Work:
    cut, way = ColumnCut(layout, kind.dtype.itemsize), WAYS[kind.way]
    sweep, blocks = (cut.units, cut.merge_group), cut.blocks
    merge = prepare = (cut.merge_units, cut.merge_group)
    if kind.pool:
        sweep, merge = pairs_of_rows(kind.shape, kind.dtype.itemsize), (1, 0)
        if way.phase != FORWARD:  # where the blocks are those of the moments
            blocks = sweep[0]
    forward, back = ("pool_columns", "pool_columns") if kind.pool else ("columns", "columns_backward")
    stages: dict[str, Stage] = {
        "sum_moments": (Kernel("columns", "sum_moments", DTYPES[kind.dtype]), (cut.units, 0)),
        "prepare": (Kernel("columns", "prepare", DTYPES[kind.dtype]), prepare),
        "forward": (kind.kernel(forward, "forward"), sweep),
        "sum_gradients": (kind.kernel(back, "sum_gradients"), sweep),
        "merge": (kind.kernel(back, "merge"), merge),
        "differentiate": (kind.kernel(back, "differentiate"), sweep),
    }
    names, values = ("rows", "lanes", "tail", "block_rows", "tile", "tiles"), blocks * cut.lanes
    return _Work(
        {"c": layout.c, "count": layout.m, "blocks": blocks} | {name: getattr(cut, name) for name in names},
        {
            "sums": 8 * (2 * values + 3 * layout.c),
            "table": number.itemsize * 6 * cut.lanes,
            "pivots": number.itemsize * values,
            "partial": number.itemsize * 2 * values,
        },
        tuple(stages[name] for name in way.columns),
    )


def _side_by_side(tables: dict[str, int]) -> tuple[int, tuple[tuple[int, int], ...]]:
    """The bytes that the kernels of one pass share, and where in them each table begins, by its place."""
    # They are one piece of memory: to ask for several costs more.
    begin, offsets = 0, []
    for name, size in tables.items():
        offsets.append((PLACES[name], begin))
        begin += -(-size // 64) * 64
    return begin, tuple(offsets)


def _room(kind: _Kind, layout: Rows | Columns) -> Room:
    """A tensor like x: in the format of a batch norm's output, if a kernel that reads x writes in that order."""
    then = WAYS[kind.way].phase == FORWARD and (kind.add or kind.activation != "identity")
    form, strides = format_by(kind.shape, kind.stride, then)
    if isinstance(layout_by(kind.shape, strides), type(layout)):
        return Room(kind.shape, strides)
    return Room(kind.shape, kind.stride if isinstance(layout, Columns) else strides_of(kind.shape, form), form)


def _pooled(kind: _Kind, layout: Rows | Columns) -> Room:
    """An output of a 2×2 pool, in the order in which x lies in memory."""
    n, c, height, width = kind.shape
    pooled = (n, c, height // 2, width // 2)
    return Room(pooled, strides_of(pooled, LAST[4] if isinstance(layout, Columns) else torch.contiguous_format))


def _mask_bytes(kind: _Kind, layout: Rows | Columns) -> int:
    """A bit a value of a sum, where every row begins a byte; four bytes for eight windows of a pool, likewise."""
    if not kind.pool:
        return (
            -(-layout.m * layout.c // 8)
            if isinstance(layout, Columns)
            else layout.n * layout.c * -(-layout.length // 8)
        )
    n, c, height, width = kind.shape
    if isinstance(layout, Columns):
        return 4 * n * (height // 2) * (width // 2) * -(-c // 8)
    return 4 * n * c * (height // 2) * -(-(width // 2) // 8)
