"""How does a pass of kernels run? With one array of arguments, the memory that its kernels share, and a team."""

import struct
from functools import lru_cache

import torch
from torch import Tensor

from . import _team
from ._compiler import address_of
from ._cut import cut_rows
from ._plan import Plan
from .jit.slots import BIAS, GROUP, STREAM, TICKET, UNITS, WEIGHT, X

STREAMED = 1 << 24
"""Outputs of so many bytes go past the caches, which they would only sweep clean: the next layer finds none of it."""


class Launch:
    """The arguments of one pass. Its caller writes addresses into `values`; what lies there must live until it ran."""

    __slots__ = ("kept", "plan", "scratch", "values")

    def __init__(self, plan: Plan, x: Tensor) -> None:
        self.plan = plan
        self.values = values = plan.arguments[:]
        self.scratch = torch.empty(plan.scratch, dtype=torch.uint8)
        self.kept = [x]
        values[X], begin = x.data_ptr(), self.scratch.data_ptr()
        for place, offset in plan.offsets:
            values[place] = begin + offset

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
                self.place(place, given if as_read else given.to(number).contiguous())

    def run(self, *outputs: Tensor) -> None:
        """Run all kernels of the pass, one after the other; large outputs go past the caches.

        Raises:
            UnusableKernelsError: one of them cannot be had; none has run then, and nothing has changed.
        """
        plan, values = self.plan, self.values
        if plan.streamed >= STREAMED:  # if each place of eight values is aligned
            values[STREAM] = all(output.data_ptr() % (8 * output.element_size()) == 0 for output in outputs)
        arguments, threads = values.buffer_info()[0], 1 if plan.serial else torch.get_num_threads()
        codes = [address_of(stage.kernel) for stage in plan.stages]
        for code, stage in zip(codes, plan.stages, strict=True):
            units, group = stage.cut or cut_rows(plan.layout, threads)
            values[TICKET], values[UNITS], values[GROUP] = 0, units, group
            _team.run(code, arguments, min(threads, units))


@lru_cache(maxsize=1024)  # there are few, and every call asks
def bits(number: float) -> int:
    """The bits of a float64, as an integer."""
    (integer,) = struct.unpack("q", struct.pack("d", number))
    return int(integer)
