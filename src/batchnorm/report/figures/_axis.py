"""How does a value depend on one option? Every seed a dot, a line of means for each group, what diverged a cross."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import altair as alt

from ...records import StudyClaim, StudyFigure, StudyRun
from ._drawing import Drawing, Row, View, along, broken, coloured, inside, upright, value_title, without_hidden
from ._numbers import rounded, spread, text
from ._points import Point, by_ending, losses, mark_notes, mixed, on_axis, points

_HEIGHT = 300
_ALL = "all"
"""The group of an axis without groups."""
_MOST_TICKS = 14


def axis(claim: StudyClaim, runs: Sequence[StudyRun], figure: StudyFigure) -> Drawing | None:
    """Draw a value over the arms' option `x`, an arm's `group` its colour; None where no run has both."""
    option = figure.x or ""
    found = [point for point in points(claim, runs, figure.value) if option in point.options]
    drawn, off = on_axis(found, log=figure.log_y)
    if not drawn:
        return None
    named = not all(_is_number(point.options[option]) for point in found)
    seeds = [_row(point, figure, named=named) for point in [*drawn, *_lost(found, drawn)]]
    groups = [*dict.fromkeys(row["arm"] for row in seeds)]
    means = _means(seeds, log=figure.log_y)
    view = _view(seeds, means, figure, groups, named=named)
    notes = [
        _note(figure),
        *mixed(((_group(point, figure), text(point.options[option])), point.arm) for point in found),
        *mark_notes([*drawn, *_lost(found, drawn)]),
        *losses([_grouped(point, figure) for point in found]),
        *off,
    ]
    words = f"{value_title(figure)} over {figure.x_title or option}. {_best(means)}"
    legend = () if figure.group is None else tuple(groups)
    return Drawing(view.properties(width="container", height=_HEIGHT), _rows(seeds, figure), words, legend, (*notes,))


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _lost(found: Sequence[Point], drawn: Sequence[Point]) -> list[Point]:
    """What diverged and has no value that the axis could show: it stands at the bottom."""
    return [replace(point, value=None) for point in found if point.ending == "diverged" and point not in drawn]


def _group(point: Point, figure: StudyFigure) -> str:
    if figure.group is None:
        return _ALL
    return text(point.options.get(figure.group))


def _grouped(point: Point, figure: StudyFigure) -> Point:
    """The point under the name of its group and place, as `losses` tells it."""
    place = f"{figure.x_title or figure.x} {text(point.options.get(figure.x or ''))}"
    return replace(point, arm=place if figure.group is None else f"{_group(point, figure)} at {place}")


def _row(point: Point, figure: StudyFigure, *, named: bool) -> Row:
    x = point.options[figure.x or ""]
    return {
        "arm": _group(point, figure),
        "x": text(x) if named else x,
        "seed": point.seed,
        "value": point.value,
        "ending": point.ending,
        "reason": point.reason or None,
    }


def _means(seeds: Sequence[Row], *, log: bool) -> list[Row]:
    found = []
    for arm, x in dict.fromkeys((row["arm"], row["x"]) for row in seeds):
        mean = spread((row["value"] for row in seeds if (row["arm"], row["x"]) == (arm, x)), log=log)
        if mean is not None:
            found.append({"arm": arm, "x": x, "mean": rounded(mean.mean)})
    return found


def _view(
    seeds: Sequence[Row], means: Sequence[Row], figure: StudyFigure, groups: Sequence[str], *, named: bool
) -> View:
    x = _places(seeds, figure, named=named)
    numbers = [row["value"] for row in seeds]
    shown: Callable[[View], View] = without_hidden if figure.group is not None else lambda view: view
    colours, dots = ({}, {}) if figure.group is None else (coloured(groups), coloured(groups, dash=False))
    line = shown(alt.Chart(inside(means))).mark_line(strokeWidth=2)
    layers = [line.encode(x=x, y=upright("mean:Q", figure, numbers), **colours)]
    for lost in (False, True):
        rows = [row for row in seeds if (row["value"] is None) == lost]
        if rows:
            y = alt.value(_HEIGHT) if lost else upright("value:Q", figure, numbers)
            mark = shown(alt.Chart(inside(rows))).mark_point(filled=True, size=42, opacity=0.7)
            layers.append(mark.encode(x=x, y=y, tooltip=_tooltip(figure), **by_ending(), **dots))
    return alt.layer(*layers)


def _places(seeds: Sequence[Row], figure: StudyFigure, *, named: bool) -> alt.X:
    """The axis of the option: all its values, if there are no more than an axis has room for."""
    title = figure.x_title or figure.x
    if named:
        names = [*dict.fromkeys(str(row["x"]) for row in seeds)]
        lines = broken(names, 14)
        return alt.X(
            "x:N",
            title=title,
            sort=None,
            axis=alt.Axis(labelAngle=0, **lines),
        )
    values = sorted({row["x"] for row in seeds})
    axis = alt.Axis(grid=False, values=values, format="~g") if len(values) <= _MOST_TICKS else None
    return along("x:Q", title, values, log=figure.log_x, padding=12, axis=axis)


def _tooltip(figure: StudyFigure) -> list[alt.Tooltip]:
    group = [] if figure.group is None else [alt.Tooltip("arm:N", title=figure.group)]
    return [
        *group,
        alt.Tooltip("x:N", title=figure.x_title or figure.x),
        alt.Tooltip("value:Q", format=".5~g"),
        alt.Tooltip("seed:Q"),
        alt.Tooltip("ending:N"),
        alt.Tooltip("reason:N"),
    ]


def _rows(seeds: Sequence[Row], figure: StudyFigure) -> list[Row]:
    return [
        {figure.group or "group": row["arm"], figure.x or "x": row["x"]}
        | {name: value for name, value in row.items() if name not in ("arm", "x")}
        for row in seeds
    ]


def _note(figure: StudyFigure) -> str:
    mean = "geometric means" if figure.log_y else "means"
    return f"A dot is a seed; a line joins the {mean}."


def _best(means: Sequence[Row]) -> str:
    """The largest mean of each group."""
    best: dict[str, Row] = {}
    for row in means:
        if row["arm"] not in best or row["mean"] > best[row["arm"]]["mean"]:
            best[row["arm"]] = row
    said = {arm: f"{row['mean']:g} at {text(row['x'])}" for arm, row in best.items()}
    if [*said] == [_ALL]:
        return f"Largest mean: {said[_ALL]}."
    return f"Largest means: {'; '.join(f'{arm} {one}' for arm, one in said.items())}."
