"""What does a run of kernels need? One array of arguments, the memory that its kernels share, and a team."""

import struct
from array import array
from functools import lru_cache

import torch
from torch import Tensor

from . import _team
from ._compiler import Kernel, address_of
from ._layout import DTYPES, Columns, Rows
from .jit.slots import PLACES, TICKET, TRAINING, UNITS

SERIAL = 1 << 15
"""Tensors of fewer values run in one thread: waking the others would cost more."""
STREAMED = 1 << 24
"""Outputs of so many bytes go past the caches, which they would only sweep clean: the next layer finds none of it."""


class Launch:
    """One array of arguments, and the kernels that run with it one after the other."""

    def __init__(
        self, x: Tensor, layout: Rows | Columns, eps: float, *, training: bool, blocks: int | None = None
    ) -> None:
        self.dtype = DTYPES[x.dtype]
        self.threads = 1 if x.numel() < SERIAL else torch.get_num_threads()
        self.values = array("q", layout.arguments)
        self.put(training=training, eps=bits(eps))
        size, offsets = scratch(layout, number_type(x).itemsize, blocks)
        # The tables and sums that the kernels of one pass share are one piece of memory: to ask for five costs more.
        self.kept: list[Tensor] = [torch.empty(size, dtype=torch.uint8)]
        begin = self.kept[0].data_ptr()
        for place, offset in offsets:
            self.values[place] = begin + offset

    def put(self, **numbers: int) -> None:
        """Write numbers into their places."""
        for name, number in numbers.items():
            self.values[PLACES[name]] = number

    def place(self, **tensors: Tensor | None) -> None:
        """Write the addresses of tensors, which then live as long as this does."""
        for name, tensor in tensors.items():
            if tensor is not None:
                self.values[PLACES[name]] = tensor.data_ptr()
                self.kept.append(tensor)

    def stream(self, layout: Rows | Columns, *outputs: Tensor) -> None:
        """Let large outputs go past the caches, if each place of eight values is aligned."""
        if outputs[0].nbytes < STREAMED:
            return
        dense = isinstance(layout, Columns) or layout.length % 8 == 0
        self.put(stream=dense and all(output.data_ptr() % (8 * output.element_size()) == 0 for output in outputs))

    def run(self, room: str, make: str, *options: str | bool, units: int) -> None:
        """Run one kernel to its end."""
        self.values[TICKET], self.values[UNITS] = 0, units
        kernel = self.find(room, make, *options)
        _team.run(kernel, self.values.buffer_info()[0], min(self.threads, units))

    def find(self, room: str, make: str, *options: str | bool) -> int:
        """The address of a kernel; to ask before another runs is to know that this one can."""
        return address_of(Kernel(room, make, self.dtype, options))

    def run_rows(self, layout: Rows, room: str, make: str, *options: str | bool) -> None:
        """Run a kernel whose units are groups of channels."""
        group = layout.group(self.threads)
        self.put(group=group)
        self.run(room, make, *options, units=-(-layout.c // group))

    def run_merge(self, layout: Columns) -> None:
        """Merge the sums of columns into moments, if they were summed, and make the table of the way forward."""
        if self.values[TRAINING]:
            self.run("columns", "sum_moments", units=layout.units)
        self.run("columns", "prepare", units=layout.merge_units)


def bits(number: float) -> int:
    """The bits of a float64, as an integer."""
    (integer,) = struct.unpack("q", struct.pack("d", number))
    return int(integer)


def number_type(x: Tensor) -> torch.dtype:
    """The type that x is computed in, which is that of weight, bias and their gradients."""
    return torch.float64 if x.dtype is torch.float64 else torch.float32


@lru_cache(maxsize=1024)  # a net has few shapes, and every call asks
def scratch(layout: Rows | Columns, itemsize: int, blocks: int | None) -> tuple[int, tuple[tuple[int, int], ...]]:
    """The bytes that the kernels of one pass share, and where in them each table begins, by its place."""
    if isinstance(layout, Rows):
        sizes = {"sums": 8 * 3 * layout.c, "table": itemsize * 6 * layout.c}
    else:
        blocks = layout.blocks if blocks is None else blocks
        values = blocks * layout.lanes
        sizes = {"sums": 8 * (2 * values + 3 * layout.c), "table": itemsize * 6 * layout.lanes}
        sizes |= {"pivots": itemsize * values, "partial": itemsize * 2 * values}
    begin, offsets = 0, []
    for name, size in sizes.items():
        offsets.append((PLACES[name], begin))
        begin += -(-size // 64) * 64
    return begin, tuple(offsets)
