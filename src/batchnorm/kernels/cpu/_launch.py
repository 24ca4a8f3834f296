"""How does a pass of kernels run? With one array of arguments, the memory that its kernels share, and a team."""

import struct
from functools import lru_cache

import torch
from torch import Tensor

from . import _team
from ._compiler import address_of
from ._cut import cut_rows
from ._plan import Plan
from .jit.slots import BIAS, GROUP, PLACES, STREAM, TICKET, UNITS, WEIGHT, X

ARGUMENTS = 8 * len(PLACES)
"""Bytes."""

STREAMED = 1 << 24
"""Outputs of so many bytes go past the caches, which they would only sweep clean: the next layer finds none of it."""


class Launch:
    """The arguments of one pass. Its caller writes addresses into `values`; what lies there must live until it ran."""

    __slots__ = ("address", "kept", "plan", "values")

    def __init__(self, plan: Plan, x: Tensor) -> None:
        self.plan = plan
        self.values = values = plan.arguments[:]
        self.address, _ = values.buffer_info()
        values[X], self.kept = x.data_ptr(), [x]
        tables = self.address + ARGUMENTS
        if plan.scratch:
            scratch = torch.empty(plan.scratch, dtype=torch.uint8)
            self.kept.append(scratch)
            tables = scratch.data_ptr()
        for place, offset in plan.offsets:
            values[place] = tables + offset

    def place(self, place: int, tensor: Tensor) -> None:
        """Write the address of a tensor, which then lives as long as this does."""
        self.values[place] = tensor.data_ptr()
        self.kept.append(tensor)

    def place_parameters(self, weight: Tensor | None, bias: Tensor | None) -> None:
        """Write the addresses of weight and bias, or of copies in the type that is computed in."""
        number = self.plan.number
        for place, given in ((WEIGHT, weight), (BIAS, bias)):
            if given is not None:
                as_read = given.dtype is number and given.is_contiguous()
                read = given if as_read else given.to(number).contiguous()
                self.values[place] = read.data_ptr()
                self.kept.append(read)

    def run(self, *outputs: Tensor, parts: bool = False) -> None:
        """Run all kernels of the pass, one after the other; large outputs go past the caches.

        Args:
            outputs: what is written, of the size of x.
            parts: whether they are parts of other tensors, by whose sizes is asked how large they are.

        Raises:
            UnusableKernelsError: one of them cannot be had; none has run then, and nothing has changed.
        """
        plan, values = self.plan, self.values
        size = plan.streamed if not parts or plan.streamed < 0 else outputs[0].untyped_storage().nbytes()
        if size >= STREAMED:  # if each place of eight values is aligned
            values[STREAM] = all(output.data_ptr() % (8 * output.element_size()) == 0 for output in outputs)
        threads = 1 if plan.serial else torch.get_num_threads()
        codes = list(map(address_of, plan.kernels))
        for code, cut in zip(codes, plan.cuts, strict=True):
            units, group = cut or cut_rows(plan.layout, threads)
            values[TICKET], values[UNITS], values[GROUP] = 0, units, group
            _team.run(code, self.address, threads if threads < units else units)


@lru_cache(maxsize=1024)  # there are few, and every call asks
def bits(number: float) -> int:
    """The bits of a float64, as an integer."""
    (integer,) = struct.unpack("q", struct.pack("d", number))
    return int(integer)
