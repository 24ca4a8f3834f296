"""What have several seeds' series in common? By arm, at each place the mean, the lowest and the highest."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ...records import StudyClaim, StudyRun
from ._numbers import rounded, short

MOST_PLACES = 150
"""So many of a line are drawn; of a longer one each is the mean of neighbours."""


@dataclass(frozen=True, slots=True)
class Place:
    """One place of an arm's line: over its seeds the mean, the lowest and the highest, and how many seeds got there."""

    x: float | str
    mean: float
    low: float
    high: float
    seeds: int


@dataclass(frozen=True, slots=True)
class Line:
    """The places of an arm, how many values of a run each is the mean of, and how many values are off the axis."""

    arm: str
    options: dict[str, Any]
    places: tuple[Place, ...]
    block: int
    off: int


def lines(claim: StudyClaim, runs: Sequence[StudyRun], value: str, x: str | None, *, log: bool) -> list[Line]:
    """Return a line for each arm whose runs have the series `value`, over the series `x` or, without, 1, 2, 3, ..."""
    found = []
    for arm in claim.arms:
        own = [run for run in runs if run.arm == arm.name and not run.searching and run.series.get(value)]
        series = [_numbers(run.series[value], log=log) for run in own]
        axes = [_axis(run.series.get(x) if x else None) for run in own]
        off = sum(_is_known(one) and one <= 0 for run in own for one in run.series[value]) if log else 0
        block = max(1, math.ceil(max(map(len, series), default=0) / MOST_PLACES))
        if places := _places(series, axes, block):
            found.append(Line(arm.name, dict(arm.options), places, block, off))
    return found


def _places(series: Sequence[Sequence[float | None]], axes: Sequence[Sequence[Any]], block: int) -> tuple[Place, ...]:
    found = []
    for start in range(0, max(map(len, series), default=0), block):
        part = slice(start, start + block)
        found.append(_place([one[part] for one in series], [one[part] for one in axes], start))
    return tuple(place for place in found if place is not None)


def _numbers(series: Any, *, log: bool) -> list[float | None]:
    """Numbers that can be drawn, None for others."""
    return [one if _is_known(one) and (one > 0 or not log) else None for one in series]


def _is_known(one: Any) -> bool:
    return isinstance(one, int | float) and math.isfinite(one)


def _axis(series: Any) -> list[Any]:
    return list(series) if isinstance(series, list | tuple) else []


def _place(series: Sequence[Sequence[float | None]], axes: Sequence[Sequence[Any]], start: int) -> Place | None:
    """One place of the line of a few neighbouring values of each run; None where no run has any."""
    means = [_mean([one for one in values if one is not None]) for values in series]
    known = [mean for mean in means if mean is not None]
    mean = _mean(known)
    if mean is None:
        return None
    marks = [one for axis, found in zip(axes, means, strict=True) if found is not None for one in axis]
    low, high = min(known), max(known)
    return Place(_where(marks, start), short(mean), short(low), short(high), len(known))


def _where(marks: Sequence[Any], start: int) -> float | str:
    """A name where the axis has names, the mean where it has numbers, else the place's own number."""
    if marks and all(isinstance(mark, str) for mark in marks):
        return str(marks[0])
    numbers = [mark for mark in marks if isinstance(mark, int | float)]
    mean = rounded(_mean(numbers))
    return start + 1 if mean is None else mean


def _mean(values: Sequence[float]) -> float | None:
    return math.fsum(values) / len(values) if values else None
