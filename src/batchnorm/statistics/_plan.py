"""Which norms are settled in which round, and where may the forward be left?"""

import math
from dataclasses import dataclass

import torch

from ..transaction import same_rng
from ._depths import Level, by_depth, in_order
from ._passes import Pass, Passes
from ._upstream import upstream


@dataclass(frozen=True, slots=True)
class Plan:
    """The levels, from below; `order`: of all calls in a forward, if it was the same in every batch of every rank."""

    levels: list[Level]
    order: tuple[int, ...] | None
    first_calls: tuple[int, ...]
    note: str | None

    def stop(self, norms: tuple[int, ...]) -> int | None:
        """The last call of any of these norms in a forward."""
        if self.order is None:
            return None
        return max((call for call, norm in enumerate(self.order) if norm in norms), default=None)

    def depth(self) -> dict[int, int]:
        """The depth of each norm."""
        return {norm: level.depth for level in self.levels for norm in level.norms}

    def sequential(self) -> "Plan":
        """The same norms, one after the other."""
        placed = [norm for level in self.levels for norm in level.norms]
        return Plan(in_order(self.first_calls, placed), self.order, self.first_calls, self.note)


def plan(passes: Passes, first: Pass, called: list[int]) -> Plan:
    """Ask the first rank that has data for what reads from what, once, on its first two samples."""
    orders = first.meter.orders
    mine: list[float] = [float(len(orders)), float(len(orders[0])) if orders else 0.0, *(orders[0] if orders else ())]
    edges, note = _edges(passes, orders) if orders else ([], 0)
    vectors = passes.ranks.gather(torch.tensor([*mine, note, *edges], dtype=torch.float64))
    told = [[int(value) for value in vector.tolist()] for vector in vectors]
    told = [one for one in told if one[0]]
    length = told[0][1]
    order = tuple(told[0][2 : 2 + length])
    steady = all(one[0] == 1 and tuple(one[2 : 2 + one[1]]) == order for one in told)
    code, flat = told[0][2 + length], told[0][3 + length :]
    if code or not steady:
        return Plan(in_order(order, called), order if steady else None, order, NOTES[code if steady else CHANGING])
    reads = _unpack(flat, len(passes.norms))
    return Plan(by_depth(reads, called), order, order, None)


CHANGING, RAISED, OTHER = 1, 2, 3
NOTES = {
    CHANGING: "the norms are not called in the same order in every batch: they are settled one after the other",
    RAISED: "the model cannot run where its data need a gradient: the norms are settled one after the other",
    OTHER: "with a gradient the model calls its norms in another order: they are settled one after the other",
}


def _edges(passes: Passes, orders: list[tuple[int, ...]]) -> tuple[list[float], int]:
    """The sets of norms upstream as numbers that float64 holds, or the code of a note."""
    if len(orders) > 1 or passes.first_batch is None:
        return [], CHANGING
    try:
        with same_rng(passes.rng):
            reads, order = upstream(passes.change, passes.norms, passes.first_batch)
    except Exception:  # whatever a model may raise; in the pass before it did not
        return [], RAISED
    return (_pack(reads), 0) if order == orders[0] else ([], OTHER)


def _pack(sets: list[int]) -> list[float]:
    words = math.ceil(len(sets) / 32)
    return [float(one >> 32 * word & 0xFFFFFFFF) for one in sets for word in range(words)]


def _unpack(flat: list[int], norms: int) -> list[int]:
    words = math.ceil(norms / 32)
    return [sum(flat[norm * words + word] << 32 * word for word in range(words)) for norm in range(norms)]
