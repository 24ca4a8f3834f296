"""Which kernels make a pass over a tensor, and on how much do they work? It follows from its layout."""

from math import prod
from typing import NamedTuple

import torch

from .._layout import Columns, Rows
from ._cut import ColumnCut, cut_rows, pairs_of_rows
from ._numba import Kernel
from .jit.slots import BACKWARD, DX_ALONE, FORWARD, SUMS_ALONE

DTYPES = {torch.float32: "float32", torch.float64: "float64", torch.bfloat16: "bfloat16"}
"""The types of x that have kernels, by the name that a kernel is asked for with."""

SERIAL = 1 << 15
"""Tensors of fewer values run in one thread: waking the others would cost more."""


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


class Kind(NamedTuple):
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


class Work(NamedTuple):
    """What follows from the layout: sizes and bytes of shared memory, both by their places, and the kernels."""

    sizes: dict[str, int]
    tables: dict[str, int]
    stages: tuple[Stage, ...]


def by_rows(layout: Rows, kind: Kind, number: torch.dtype) -> Work:
    """One kernel that does all, channel by channel."""
    n, c, length, x_n, x_c = layout
    cut = cut_rows(layout, 1) if prod(kind.shape) < SERIAL else None
    kernel = kind.kernel("pool_rows" if kind.pool else "rows", WAYS[kind.way].rows)
    return Work(
        {"n": n, "c": c, "l": length, "count": n * length, "x_n": x_n, "x_c": x_c},
        {"sums": 8 * 3 * c, "table": number.itemsize * 6 * c},
        ((kernel._replace(options=()) if kind.way == "moments" else kernel, cut),),
    )


def by_columns(layout: Columns, kind: Kind, number: torch.dtype) -> Work:
    """A kernel for each sweep, and one that merges what the blocks have summed."""
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
    return Work(
        {"c": layout.c, "count": layout.m, "blocks": blocks} | {name: getattr(cut, name) for name in names},
        {
            "sums": 8 * (2 * values + 3 * layout.c),
            "table": number.itemsize * 6 * cut.lanes,
            "pivots": number.itemsize * values,
            "partial": number.itemsize * 2 * values,
        },
        tuple(stages[name] for name in way.columns),
    )
