"""What does a wiring come to, a row for each module?"""

from dataclasses import dataclass, field
from typing import cast

from ..records import INPUT, WiringOutcome, WiringRow
from ..surgery import Plan
from ..wiring import Part, Pass, Wiring

NO_MODULE = "F.batch_norm is called in a forward, where there is no module to replace: use a norm module instead"


def rows_of(wiring: Wiring, plan: Plan) -> tuple[tuple[WiringRow, ...], tuple[str, ...]]:
    """Return a row for each module that ran, in that order, then the norms that never did; and who reads the input.

    Args:
        wiring: what has been seen, in all passes.
        plan: what can be done with the norms.
    """
    drafts: dict[str, _Draft] = {}
    of_input: dict[str, None] = {}
    for seen in wiring.passes:
        _count(drafts, wiring, seen)
        for source, reader in wiring.links(seen):
            (of_input if source == INPUT else drafts[source].read_by)[reader] = None
    rows = [draft.row(name, plan) for name, draft in drafts.items()]
    rows += [
        WiringRow(change.norm, type(change.module).__name__, 0, None, None, (), "left", change.reason)
        for change in plan.changes
        if change.norm not in drafts
    ]
    return tuple(rows), tuple(of_input)


@dataclass(slots=True)
class _Draft:
    """A row that grows from pass to pass; `loose`: it calls `F.batch_norm` itself, and is no norm."""

    first: Part
    calls: int = 0
    loose: bool = False
    read_by: dict[str, None] = field(default_factory=dict)

    def row(self, name: str, plan: Plan) -> WiringRow:
        part = self.first
        output = None if part.output is None else part.output.shape
        seen = (name, part.kind, self.calls, output, part.axis, tuple(self.read_by))
        for change in plan.changes:
            if change.norm == name:
                return WiringRow(*seen, cast(WiringOutcome, change.outcome), change.reason, change.into)
        return WiringRow(*seen, "left", NO_MODULE) if self.loose else WiringRow(*seen)


def _count(drafts: dict[str, _Draft], wiring: Wiring, seen: Pass) -> None:
    """Begin the rows that are new, and note how often each was called in this pass."""
    loose = {index for norm in wiring.loose_norms(seen) for index in norm.events}
    times: dict[str, int] = {}
    for part in wiring.parts(seen):
        times[part.name] = times.get(part.name, 0) + 1
        draft = drafts.setdefault(part.name, _Draft(part))
        draft.calls = max(draft.calls, times[part.name])
        draft.loose |= not loose.isdisjoint(part.events)
