"""What did every seed come to? One point each, for figures in which each is seen."""

from collections.abc import Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import altair as alt

from ...records import StudyClaim, StudyRun
from ...tables import counted
from ._numbers import rounded

Ending = Literal["done", "at least", "diverged", "crashed", "not finite"]
"""How a run ended, as a figure has to show it; `at least` is one that was stopped before the value was reached."""

_CROSS = "M-1,-.7L-.7,-1L0,-.3L.7,-1L1,-.7L.3,0L1,.7L.7,1L0,.3L-.7,1L-1,.7L-.3,0Z"
MARKS: dict[Ending, str] = {"done": "circle", "at least": "triangle-right", "diverged": _CROSS}

_MARK_NOTES: dict[Ending, str] = {
    "at least": "A triangle is a run that ended before it got there: at least that much.",
    "diverged": "A cross is a run that diverged.",
}


_LOST: dict[Ending, str] = {"diverged": "Diverged", "crashed": "Crashed", "not finite": "Came to no number"}

MOST_NAMES = 6
"""Of arms in a sentence."""


@dataclass(frozen=True, slots=True)
class Point:
    """One value of one run."""

    arm: str
    seed: int
    value: float | None
    ending: Ending
    reason: str
    options: dict[str, object]


def points(claim: StudyClaim, runs: Sequence[StudyRun], value: str) -> list[Point]:
    """Return a point for each run of an arm that has the value or should have it, and for derived arms' seeds."""
    own = [_point(run, value) for arm in claim.arms for run in runs if run.arm == arm.name and not run.searching]
    have = {point.arm for point in own if point.value is not None}
    lost = {point.arm for point in own if point.ending in ("diverged", "crashed")}
    return [point for point in own if point.arm in have | lost] + [*_derived(claim, value)]


def _point(run: StudyRun, value: str) -> Point:
    number = rounded(run.values.get(value))
    ending: Ending = run.status
    if run.status == "done":
        censored = run.values.get(f"{value} censored")
        ending = "not finite" if number is None else "at least" if censored else "done"
    return Point(run.arm, run.seed, number, ending, run.reason or "", dict(run.options))


def _derived(claim: StudyClaim, value: str) -> Iterator[Point]:
    for arm, values in claim.derived.items():
        for seed, number in zip(claim.seeds, values.get(value, ()), strict=False):
            yield Point(arm, seed, rounded(number), "not finite" if number is None else "done", "", {})


def on_axis(found: Sequence[Point], *, log: bool) -> tuple[list[Point], list[str]]:
    """Return the points that an axis can show, and a sentence on those that a logarithmic one cannot."""
    known = [point for point in found if point.value is not None]
    shown = [point for point in known if point.value is not None and (point.value > 0 or not log)]
    return shown, off_axis(len(known) - len(shown))


def off_axis(count: int) -> list[str]:
    """Return a sentence on so many values that are not drawn, if there are any.

    Example:
        >>> off_axis(2)
        ['2 values of 0 or less do not stand on a logarithmic axis.']
    """
    return [f"{counted(count, 'value')} of 0 or less do not stand on a logarithmic axis."] if count else []


def endings(claim: StudyClaim, runs: Sequence[StudyRun]) -> list[Point]:
    """Return a point without a value for each run of an arm: how it ended."""
    names = {arm.name for arm in claim.arms}
    return [
        Point(run.arm, run.seed, None, run.status, run.reason or "", dict(run.options))
        for run in runs
        if run.arm in names and not run.searching
    ]


def by_ending() -> dict[str, Any]:
    """Return shapes for how a run ended."""
    shapes = alt.Scale(domain=[*MARKS], range=[*MARKS.values()])
    return {"shape": alt.Shape("ending:N", scale=shapes, legend=None)}


def mark_notes(drawn: Sequence[Point]) -> list[str]:
    """Return what marks other than dots mean, of those that are there."""
    return [note for ending, note in _MARK_NOTES.items() if any(point.ending == ending for point in drawn)]


def mixed(places: Iterable[tuple[Hashable, str]]) -> list[str]:
    """Return a sentence if one place, such as a cell, has several arms.

    Example:
        >>> mixed([((0.1, 5), "a"), ((0.1, 5), "b")])
        ['Some means are over several arms, which differ in other options.']
        >>> mixed([((0.1, 5), "a"), ((0.1, 5), "a"), ((1.0, 5), "b")])
        []
    """
    arms: dict[Hashable, set[str]] = {}
    for place, arm in places:
        arms.setdefault(place, set()).add(arm)
    several = any(len(found) > 1 for found in arms.values())
    return ["Some means are over several arms, which differ in other options."] if several else []


def losses(points: Sequence[Point], endings: Sequence[Ending] = ("diverged", "crashed", "not finite")) -> list[str]:
    """Return a sentence for each way in which runs were lost, and whose they are.

    Example:
        >>> losses([Point("plain", 0, None, "diverged", "loss is NaN", {}), Point("plain", 1, 0.5, "done", "", {})])
        ['Diverged: plain (1 of 2 seeds).']
    """
    found = []
    for ending in endings:
        arms = [*dict.fromkeys(point.arm for point in points if point.ending == ending)]
        named = [f"{arm} ({_share(points, arm, ending)} seeds)" for arm in arms[:MOST_NAMES]]
        more = [f"and {len(arms) - MOST_NAMES} more"] if len(arms) > MOST_NAMES else []
        found += [f"{_LOST[ending]}: {'; '.join(named + more)}."] if arms else []
    return found


def _share(points: Sequence[Point], arm: str, ending: str) -> str:
    own = [point for point in points if point.arm == arm]
    return f"{sum(point.ending == ending for point in own)} of {len(own)}"
