"""On which norms' statistics does the input of each norm depend, as one forward shows it?"""

import warnings
from dataclasses import dataclass
from typing import Any

from ...measuring import Passes
from ...norms import BY_OPERATOR, OPERATORS
from ...ranks import exchange
from ...transaction import same_rng, transaction
from ...wiring import Influence, influences, one_pass
from ...wiring import Pass as SeenPass

CHANGING = "the norms are not called in the same order in every batch: they are settled one after the other"
RAISED = "the model cannot run while it is looked at: the norms are settled one after the other"
OTHER = "in evaluation the model calls its norms in another order: no forward is left before its end"


@dataclass(frozen=True, slots=True)
class Seen:
    """What one forward has shown.

    `calls`: of the norms, in their order. `upstream`: for each norm the set of those whose statistics have a part in
    what it normalizes, one bit each; None where that cannot be told. `doubt`: why not all of it may be relied on.
    """

    calls: tuple[int, ...]
    upstream: tuple[int, ...] | None = None
    doubt: str | None = None


def seen_by_all(passes: Passes, orders: list[tuple[int, ...]]) -> Seen:
    """Ask the first rank that has data, once, on its first two samples.

    Args:
        passes: of which one was run, by all ranks.
        orders: of the norms' calls, each that a batch of this rank had.
    """
    told = [_read(one) for one in exchange(passes.ranks, _written(_ask(passes, orders)) if orders else None) if one]
    if any(one.doubt == CHANGING or one.calls != told[0].calls for one in told):
        return Seen(told[0].calls, doubt=CHANGING)
    return told[0]


def _written(seen: Seen) -> list[Any]:
    """As all ranks can read it; sets of any size, for which JSON's numbers have no limit in hexadecimal."""
    return [seen.calls, seen.upstream and [f"{norms:x}" for norms in seen.upstream], seen.doubt]


def _read(told: list[Any]) -> Seen:
    calls, upstream, doubt = told
    return Seen(tuple(calls), upstream and tuple(int(norms, 16) for norms in upstream), doubt)


def _ask(passes: Passes, orders: list[tuple[int, ...]]) -> Seen:
    if len(orders) > 1 or passes.first_batch is None:
        return Seen(orders[0], doubt=CHANGING)
    found = Seen(orders[0], doubt=RAISED)
    for call in (passes.first_batch, None):  # a model may take nothing but whole batches, or cut them
        try:
            with same_rng(passes.rng), transaction(passes.change.module) as inner, warnings.catch_warnings():
                warnings.simplefilter("ignore")  # the passes have warned of whatever there is
                upstream, calls = _reads(passes, one_pass(inner, (call or passes.whole_first_batch()).copied()))
        except Exception:  # noqa: S112  # whatever a model may raise; in the pass before it did not
            continue
        found = Seen(calls, upstream, None if calls == orders[0] else OTHER)
        if not found.doubt:
            break
    return found


def _reads(passes: Passes, seen: SeenPass) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """For each norm those that it reads from, and the order of all calls."""
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
    return tuple(reads), tuple(order)


def _taken(found: Influence, passes: Passes) -> list[int]:
    """The norms by whose statistics an operator normalizes, if that is where they read."""
    return [norm for norm, habit in enumerate(passes.habits) if habit.reads == BY_OPERATOR and found.taken >> norm & 1]
