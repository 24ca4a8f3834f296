"""Whose outputs is a norm's input made of, and may all of them take its factors up?"""

from collections.abc import Iterable
from dataclasses import dataclass, field

import torch
from torch import Tensor

from ...wiring import Arrival, Followed, NormCall, Pass, Product, Unit, Wiring

Route = tuple[Pass, Followed, Arrival]
"""In one pass, the output of a unit that arrives at another one."""


@dataclass(frozen=True, slots=True, eq=False)
class Arrivals:
    """Everything that arrives anywhere, in all passes, looked at from both ends."""

    routes: dict[int, list[Route]]

    @classmethod
    def of(cls, wiring: Wiring) -> "Arrivals":
        """Collect them."""
        routes: dict[int, list[Route]] = {}
        for seen in wiring.passes:
            for followed in wiring.followed(seen):
                for arrival in followed.arrivals:
                    routes.setdefault(id(arrival.unit), []).append((seen, followed, arrival))
        return cls(routes)

    def at(self, unit: Unit) -> list[Route]:
        """What arrives at a unit."""
        return self.routes.get(id(unit), [])


@dataclass(slots=True)
class Group:
    """The units that use one weight, or are calls of one norm, and how its channels meet those of the other side.

    Attributes:
        key: the weight's storage in the first pass that used it, or the norm's name.
        units: with the pass that each ran in.
        channels: for each channel of the weight (or norm) that of the norm at the other end, -1 where there is none.
    """

    key: str
    units: list[tuple[Pass, Unit]] = field(default_factory=list)
    channels: Tensor | None = None

    def meet(self, channels: Tensor) -> bool:
        """Take note of one meeting; False if it contradicts those before."""
        if self.channels is None:
            self.channels = channels
            return True
        return torch.equal(self.channels, channels)


def only(followed: Followed, reader: str) -> str:
    """What would have to read an output that something else reads, as the end of a sentence."""
    return f", not by {reader}" if followed.lost is not None and followed.lost.startswith("is read by ") else ""


def weight_key(seen: Pass, product: Product) -> str:
    """What products with one weight have in common: its first name in the model."""
    names = seen.tensors.get(product.weight_value.storage)
    return f"weight {names[0] if names else f'of {product.where}'}"


def behind(unit: Unit, arrival: Arrival) -> Tensor | str:
    """For each channel of a source the channel of the norm at which it arrives: a norm behind a product.

    Args:
        unit: the source.
        arrival: at the norm.
    """
    count = _channels_out(unit)
    if arrival.marks is None:
        return torch.arange(count, device="cpu")
    norm = arrival.unit
    axis = norm.axis if isinstance(norm, NormCall) else norm.in_axis
    found = torch.full((count,), -1, device="cpu")
    for place, numbers in enumerate(arrival.marks.unbind(axis)):
        present = torch.unique(numbers)
        present = present[present >= 0].long()
        if bool((found[present] >= 0).any()):
            return "one channel of what feeds it goes to several of its own"
        found[present] = place
    return found


def before(arrival: Arrival) -> Tensor | str:
    """For each input channel of a product the channel of the norm that it is made of: a norm before a product."""
    product = arrival.unit
    if not isinstance(product, Product):
        return "another norm reads its output"
    if arrival.marks is None:
        return torch.arange(product.input.shape[product.in_axis], device="cpu")
    by_channel = arrival.marks.movedim(product.in_axis, 0).flatten(1)
    low, high = by_channel.amin(1), by_channel.amax(1)
    if not torch.equal(low, high):
        return "one input channel of what reads it is made of several of its own"
    return low.long()


def covered(arrivals: Iterable[Arrival], norm: NormCall) -> bool:
    """Whether every element of a norm's input comes from one of these."""
    total = 0
    for arrival in arrivals:
        total += norm.input.numel if arrival.marks is None else int((arrival.marks >= 0).sum())
    return total == norm.input.numel


def _channels_out(unit: Unit) -> int:
    assert unit.output is not None  # noqa: S101  # it has arrived somewhere
    return unit.output.shape[unit.out_axis if isinstance(unit, Product) else unit.axis]
