"""What does a wiring come to, as plain data: a row for each module, and what a fold would make of each norm?"""

from dataclasses import dataclass, field
from typing import cast

from ...errors import RefusedError
from ...norms import is_norm
from ...records import INPUT, WiringOutcome, WiringRecord, WiringRow
from ...wiring import Part, Pass, Wiring, values_in
from ._make_plan import make_plan
from ._plan import Plan

NO_MODULE = "F.batch_norm is called in a forward, where there is no module to replace: use a norm module instead"


def wiring_record(
    wiring: Wiring, *, run: str = "", model: str = "", data: str | None = None, notes: tuple[str, ...] = ()
) -> WiringRecord:
    """Return what a model did, and what could be done with its norms: what `fold` would try, before its proof.

    Args:
        wiring: what `trace` returned.
        run: where the model is from, if that is a file.
        model: its name; its class if it has none.
        data: the set whose images it was given.
        notes: what is to be said before all else.

    Raises:
        RefusedError: a norm that was seen is no longer in its place: the model was folded since, or rebuilt.

    Example:
        >>> from torch import nn, zeros
        >>> from batchnorm.wiring import trace
        >>> wiring = trace(nn.Sequential(nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4)).eval(), zeros(1, 3, 2, 2))
        >>> record = wiring_record(wiring)
        >>> [(norm.module, norm.outcome, norm.into) for norm in record.norms]
        [('1', 'folded', ('0',))]
    """
    _check_unchanged(wiring)
    plan = make_plan(wiring)
    rows, of_input = rows_of(wiring, plan)
    given = [value for call in wiring.calls[:1] for value in values_in((call.args, call.kwargs))]
    more = (f"{len(given)} tensors are given to the model; the first is shown",) if len(given) > 1 else ()
    return WiringRecord(
        run=run,
        model=model or type(wiring.model).__name__,
        data=data,
        input=tuple(given[0].shape) if given else (),
        input_read_by=of_input,
        rows=rows,
        ways=len(wiring.passes),
        notes=(*notes, *more, *_notes(wiring, plan)),
    )


def _check_unchanged(wiring: Wiring) -> None:
    now = dict(wiring.model.named_modules(remove_duplicate=False))
    for call in (call for seen in wiring.passes for call in seen.calls):
        if is_norm(call.module) and now.get(call.name) is not call.module:
            raise RefusedError(
                f"the model was changed since it was traced: another module, or none, is at {call.name!r} now, where "
                f"a {type(call.module).__name__} ran",
                cure="Trace it again.",
            )


def _notes(wiring: Wiring, plan: Plan) -> tuple[str, ...]:
    notes = [*wiring.notes]
    if wiring.draws:
        notes.append("the model draws random numbers, also in evaluation")
    if not wiring.complete:
        notes.append("the data decide between more ways through the model than were watched")
    notes += [f"{name} calls F.batch_norm itself: there is no module to replace" for name in plan.loose]
    return tuple(notes)


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
