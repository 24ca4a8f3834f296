"""What is claimed, and what would decide it? Told before anything is run."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from ..records import region_text
from ..tables import Column, Table, counted
from ._claim import Claim
from ._comparison import Comparison
from ._scope import Scope


def claims_table(claims: Sequence[Claim]) -> Table:
    """Return a row per claim: what is claimed, the main questions, and how long the standard budget takes."""
    columns = (
        Column("claim", "left"),
        Column("what is claimed", "left", wrap=True),
        Column("asked", "left", drop=1, wrap=True),
        Column("hours"),
    )
    rows = tuple((claim.id, claim.statement, " ".join(_main_questions(claim)), f"{claim.hours:g}") for claim in claims)
    notes = (
        "hours: about, of the standard budget on 2 cores",
        "in full, with sources, protocol, margins and advice: batchnorm study list CLAIM",
    )
    return Table(columns, rows, notes=notes)


def _main_questions(claim: Claim) -> Iterator[str]:
    return (one.question for one in claim.comparisons if one.primary)


def rule_text(one: Comparison) -> str:
    """Return what a comparison compares, and where the effect has to lie.

    Example:
        >>> rule_text(Comparison("c", "Is it?", "accuracy", "batch", "none", "greater", 1.0, "points"))
        "supported where accuracy, 'batch' minus 'none', lies above 1 point"
    """
    by = "divided by" if one.scale == "ratio" else "minus"
    than = repr(one.than) if isinstance(one.than, str) else f"{one.than:g}"
    effect = f"{one.arm!r} {by} {than}"
    if one.minus is not None:
        effect = f"({effect}) {by} ({one.minus[0]!r} {by} {one.minus[1]!r})"
    where = region_text(one.rule, one.margin, one.unit, one.scale)
    return f"supported where {one.value}, {effect}, lies {where}"


def claim_table(claim: Claim) -> Table:
    """Return all that is fixed of a claim: statement, sources, protocol, questions with their rules, and advice."""
    columns = (Column(claim.id, "left"), Column(claim.title, "left", wrap=True))
    return Table(columns, tuple(_lines(claim)))


def _lines(claim: Claim) -> Iterator[tuple[str, str]]:
    yield "claimed", claim.statement
    yield from (("source", source) for source in claim.sources)
    yield "protocol", claim.protocol
    for one in claim.comparisons:
        yield "asked" if one.primary else "asked beside", one.question
        yield "", rule_text(one)
    yield "if supported", claim.advice.supported
    yield "if not", claim.advice.not_supported
    yield "if undecided", claim.advice.undecided
    yield from ((budget, _scope_text(claim, scope)) for budget, scope in claim.scopes.items())
    if claim.hours:  # a claim of one's own rarely says
        yield "hours", f"{claim.hours:g} for the standard budget on 2 cores, about"


def _scope_text(claim: Claim, scope: Scope) -> str:
    arms = counted(len(claim.arms if scope.arms is None else scope.arms), "arm")
    size = f"{scope.train_images:,} training images, {counted(scope.epochs, 'epoch')}"
    return f"{arms}, {counted(scope.seeds, 'seed')}, {size}"


def claim_data(claim: Claim) -> dict[str, Any]:
    """Return a claim as plain values: all but the code that measures and derives."""
    plain = ("id", "title", "statement", "sources", "protocol", "alone", "hours", "version")
    parts = ("arms", "comparisons", "figures")
    return {
        **{name: getattr(claim, name) for name in plain},
        **{name: [_data(one) for one in getattr(claim, name)] for name in parts},
        "figure": _data(claim.figure),
        "advice": asdict(claim.advice),
        "scopes": {budget: _data(scope) for budget, scope in claim.scopes.items()},
        "search": None if claim.search is None else asdict(claim.search),
    }


def _data(part: Any) -> dict[str, Any]:
    return {name: dict(value) if isinstance(value, Mapping) else value for name, value in vars(part).items()}
