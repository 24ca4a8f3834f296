"""Which norms are settled in which round, and where may the forward be left?"""

from dataclasses import dataclass

from ...measuring import Pass, Passes
from ._depths import Level, by_depth, in_order
from ._seen import CHANGING, seen_by_all


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
    """Place the norms that were called by what reads from what."""
    seen = seen_by_all(passes, first.meter.orders)
    notes = tuple(note for note in (seen.doubt, DRAWING if first.draws else None) if note)
    steady = passes.may_stop and not first.draws
    if seen.upstream is None:
        steady = steady and seen.doubt != CHANGING
        return Plan(in_order(seen.calls, called), seen.calls, steady, one_by_one=True, notes=notes)
    # A norm that this forward did not call may read from all that it did.
    everyone = sum(1 << norm for norm in {*seen.calls})
    upstream = [norms if norm in seen.calls else everyone for norm, norms in enumerate(seen.upstream)]
    steady = steady and not seen.doubt
    return Plan(by_depth(upstream, called), seen.calls, steady, one_by_one=False, notes=notes)


DRAWING = "the model draws random numbers: no forward is left before its end, so that each round draws the same"
