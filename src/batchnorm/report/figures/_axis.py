"""How does a value depend on one option? Every seed a dot, a line of means for each group, what diverged a cross."""

from collections.abc import Sequence
from dataclasses import replace

import altair as alt

from ...records import StudyClaim, StudyFigure, StudyRun
from ._drawing import Drawing, Row, coloured, inside, scale, value_title, without_hidden
from ._numbers import rounded, spread, text
from ._points import Point, by_ending, losses, mark_notes, points

_HEIGHT = 300


def axis(claim: StudyClaim, runs: Sequence[StudyRun], figure: StudyFigure) -> Drawing | None:
    """Draw a value over the arms' option `x`, an arm's `group` its colour; None where no run has both."""
    option = figure.x or ""
    found = [point for point in points(claim, runs, figure.value) if option in point.options]
    drawn = [point for point in found if point.value is not None and (not figure.log_y or point.value > 0)]
    if not drawn:
        return None
    named = not all(_is_number(point.options[option]) for point in found)
    seeds = [_row(point, figure, named=named) for point in found if point in drawn or point.ending == "diverged"]
    groups = [*dict.fromkeys(row["arm"] for row in seeds)]
    means = _means(seeds, log=figure.log_y)
    view = _view(seeds, means, figure, groups, named=named)
    notes = [_note(figure), *mark_notes([*drawn, *_lost(found)]), *losses([_grouped(point, figure) for point in found])]
    words = f"{value_title(figure)} over {figure.x_title or option}. {_best(means)}"
    legend = () if figure.group is None else tuple(groups)
    return Drawing(view.properties(width="container", height=_HEIGHT), _rows(seeds), words, legend, (*notes,))


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _lost(found: Sequence[Point]) -> list[Point]:
    return [point for point in found if point.value is None and point.ending == "diverged"]


def _group(point: Point, figure: StudyFigure) -> str:
    if figure.group is None:
        return "all"
    return text(point.options.get(figure.group))


def _grouped(point: Point, figure: StudyFigure) -> Point:
    """The point under the name of its group and place, as `losses` tells it."""
    place = f"{figure.x_title or figure.x} {text(point.options.get(figure.x or ''))}"
    return replace(point, arm=place if figure.group is None else f"{_group(point, figure)}, {place}")


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
) -> alt.LayerChart:
    title = figure.x_title or figure.x
    places = (
        alt.Scale(type="log", nice=False, padding=12) if figure.log_x else alt.Scale(zero=False, nice=False, padding=12)
    )
    x = (
        alt.X("x:N", title=title, sort=None)
        if named
        else alt.X("x:Q", title=title, scale=places, axis=alt.Axis(grid=False))
    )
    y = {"title": value_title(figure), "scale": scale(log=figure.log_y)}
    colours = coloured(groups) if figure.group is not None else {}
    dots = coloured(groups, dash=False) if figure.group is not None else {}
    shown = without_hidden if figure.group is not None else lambda view: view
    line = shown(alt.Chart(inside(means))).mark_line(strokeWidth=2)
    mark = {"filled": True, "size": 42, "opacity": 0.7, "strokeWidth": 2}
    known = [row for row in seeds if row["value"] is not None]
    lost = [row for row in seeds if row["value"] is None]
    known_dots = shown(alt.Chart(inside(known))).mark_point(**mark)
    lost_dots = shown(alt.Chart(inside(lost))).mark_point(**mark)
    return alt.layer(
        line.encode(x=x, y=alt.Y("mean:Q", **y), **colours),
        known_dots.encode(x=x, y=alt.Y("value:Q", **y), tooltip=_tooltip(title, figure), **by_ending(), **dots),
        *(
            [lost_dots.encode(x=x, y=alt.value(_HEIGHT), tooltip=_tooltip(title, figure), **by_ending(), **dots)]
            if lost
            else []
        ),
    )


def _tooltip(title: str | None, figure: StudyFigure) -> list[alt.Tooltip]:
    group = [] if figure.group is None else [alt.Tooltip("arm:N", title=figure.group)]
    return [
        *group,
        alt.Tooltip("x:N", title=title),
        alt.Tooltip("value:Q", format=".5~g"),
        alt.Tooltip("seed:Q"),
        alt.Tooltip("ending:N"),
        alt.Tooltip("reason:N"),
    ]


def _rows(seeds: Sequence[Row]) -> list[Row]:
    return [{"group": row["arm"], **{name: value for name, value in row.items() if name != "arm"}} for row in seeds]


def _note(figure: StudyFigure) -> str:
    mean = "geometric means" if figure.log_y else "means"
    return f"A dot is a seed; a line joins the {mean}."


def _best(means: Sequence[Row]) -> str:
    """The largest mean of each group."""
    best = {}
    for row in means:
        if row["arm"] not in best or row["mean"] > best[row["arm"]]["mean"]:
            best[row["arm"]] = row
    said = "; ".join(f"{row['arm']}: {row['mean']:g} at {text(row['x'])}" for row in best.values())
    return f"Largest mean of each: {said}."
