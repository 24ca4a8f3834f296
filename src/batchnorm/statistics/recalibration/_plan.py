"""Which norms are settled in which round, and where may the forward be left?"""

import math
import warnings
from dataclasses import dataclass

import torch

from ...measuring import Pass, Passes
from ...norms import BY_OPERATOR, OPERATORS
from ...transaction import same_rng, transaction
from ...wiring import Influence, influences, one_pass
from ...wiring import Pass as SeenPass
from ._depths import Level, by_depth, in_order


@dataclass(frozen=True, slots=True)
class Plan:
    """The levels, from below.

    `calls`: in a forward, in their order. `steady`: whether it was the same in every batch of every rank, the model
    draws no random numbers, and nothing of the user's can be behind, so that a forward may be left behind one of them.
    `one_by_one`: whether each level is one norm, as the calls follow.
    """

    levels: list[Level]
    calls: tuple[int, ...]
    steady: bool
    one_by_one: bool
    notes: tuple[str, ...] = ()

    @property
    def order(self) -> tuple[int, ...]:
        """The calls, where they may be relied on."""
        return self.calls if self.steady else ()

    def stop(self, norms: tuple[int, ...]) -> int | None:
        """The last call of any of these norms in a forward."""
        return max((call for call, norm in enumerate(self.order) if norm in norms), default=None)

    def depth(self) -> dict[int, int]:
        """The depth of each norm."""
        return {norm: level.depth for level in self.levels for norm in level.norms}

    def sequential(self) -> "Plan":
        """The same norms, one after the other."""
        placed = [norm for level in self.levels for norm in level.norms]
        return Plan(in_order(self.calls, placed), self.calls, self.steady, one_by_one=True)

    def together(self, place: int) -> "Plan":
        """The same, but from one level on all norms together, as if each read from its own output."""
        rest = tuple(norm for level in self.levels[place:] for norm in level.norms)
        levels = [*self.levels[:place], Level(self.levels[place].depth, rest, loops=True)]
        return Plan(levels, self.calls, self.steady, one_by_one=False)


def plan(passes: Passes, first: Pass, called: list[int]) -> Plan:
    """Ask the first rank that has data for what reads from what, once, on its first two samples."""
    orders = first.meter.orders
    calls, code, edges = _ask(passes, orders) if orders else ((), 0, [])
    mine = [len(orders), len(calls), *calls, code, *edges]
    vectors = passes.ranks.gather(torch.tensor(mine, dtype=torch.float64))
    told = [one for one in ([int(value) for value in vector.tolist()] for vector in vectors) if one[0]]
    length = told[0][1]
    calls, code, edges = tuple(told[0][2 : 2 + length]), told[0][2 + length], told[0][3 + length :]
    if any(one[0] > 1 or tuple(one[2 : 2 + one[1]]) != calls for one in told):
        code = CHANGING
    notes = tuple(note for note in (NOTES.get(code), DRAWING if first.draws else None) if note)
    if not edges or code == CHANGING:
        steady = passes.may_stop and code != CHANGING and not first.draws
        return Plan(in_order(calls, called), calls, steady, one_by_one=True, notes=notes)
    reads = _unpack(edges, len(passes.norms))
    # A norm that this forward did not call may read from all that it did.
    reads = [found if norm in calls else sum(1 << other for other in {*calls}) for norm, found in enumerate(reads)]
    steady = passes.may_stop and not (code or first.draws)
    return Plan(by_depth(reads, called), calls, steady, one_by_one=False, notes=notes)


CHANGING, RAISED, OTHER = 1, 2, 3
NOTES = {
    CHANGING: "the norms are not called in the same order in every batch: they are settled one after the other",
    RAISED: "the model cannot run while it is looked at: the norms are settled one after the other",
    OTHER: "in evaluation the model calls its norms in another order: no forward is left before its end",
}
DRAWING = "the model draws random numbers: no forward is left before its end, so that each round draws the same"


def _ask(passes: Passes, orders: list[tuple[int, ...]]) -> tuple[tuple[int, ...], int, list[int]]:
    """The order of calls, the code of a note, and the sets of norms upstream as numbers that float64 holds."""
    if len(orders) > 1 or passes.first_batch is None:
        return orders[0], CHANGING, []
    found: tuple[tuple[int, ...], int, list[int]] = orders[0], RAISED, []
    for call in (passes.first_batch, None):  # a model may take nothing but whole batches, or cut them
        try:
            with same_rng(passes.rng), transaction(passes.change.module) as inner, warnings.catch_warnings():
                warnings.simplefilter("ignore")  # the passes have warned of whatever there is
                reads, calls = _reads(passes, one_pass(inner, (call or passes.whole_first_batch()).copied()))
        except Exception:  # noqa: S112  # whatever a model may raise; in the pass before it did not
            continue
        found = calls, 0 if calls == orders[0] else OTHER, _pack(reads)
        if calls == orders[0]:
            break
    return found


def _reads(passes: Passes, seen: SeenPass) -> tuple[list[int], tuple[int, ...]]:
    """For each norm the set of those whose statistics have a part in what it normalizes, and the order of all calls."""
    norms = {id(module): index for index, norm in enumerate(passes.norms) for module in norm.modules}
    own = {id(buffer): index for index, norm in enumerate(passes.norms) for buffer in (norm.mean, norm.var)}
    named = passes.change.module.named_buffers(remove_duplicate=False)
    reads, order = [0] * len(passes.norms), []
    sources = {name: own[id(buffer)] for name, buffer in named if id(buffer) in own}
    for found in influences(seen, sources, OPERATORS):
        if found.operator is None and (norm := norms.get(id(found.call.module))) is not None:
            order.append(norm)
            # By an operator it reads what that is given, which its forward may have made of this.
            reads[norm] |= 0 if passes.habits[norm].reads == BY_OPERATOR else found.first
        elif found.operator is not None:
            for norm in _taken(found, passes):
                order += [norm] if norm not in order else []
                reads[norm] |= found.first
    return reads, tuple(order)


def _taken(found: Influence, passes: Passes) -> list[int]:
    """The norms by whose statistics an operator normalizes, if that is where they read."""
    return [norm for norm, habit in enumerate(passes.habits) if habit.reads == BY_OPERATOR and found.taken >> norm & 1]


def _pack(sets: list[int]) -> list[int]:
    words = math.ceil(len(sets) / 32)
    return [one >> 32 * word & 0xFFFFFFFF for one in sets for word in range(words)]


def _unpack(flat: list[int], norms: int) -> list[int]:
    words = math.ceil(norms / 32)
    return [sum(flat[norm * words + word] << 32 * word for word in range(words)) for norm in range(norms)]
