"""How does a value depend on two options? A cell for each pair, its mean over seeds as colour and as text."""

from collections.abc import Sequence
from typing import Any

import altair as alt

from ...records import StudyClaim, StudyFigure, StudyRun
from ...tables import NONE
from ._drawing import Drawing, Row, View, inside
from ._numbers import rounded, spread, text
from ._panels import BESIDE, panels
from ._points import Point, losses, mixed, points

TIMES = "\N{MULTIPLICATION SIGN}"
_CELL = (46, 34)
_MOST_WIDE = 300


def heatmap(claim: StudyClaim, runs: Sequence[StudyRun], figure: StudyFigure) -> Drawing | None:
    """Draw a value over the arms' options `x` and `y`, a panel for each value of `group`; None where no run has them.

    With `log_y` it is the logarithm that colours show.
    """
    options = {figure.x or "", figure.y or ""}
    found = [point for point in points(claim, runs, figure.value) if options <= point.options.keys()]
    rows = [_cell(own, figure) for own in _cells(found, figure)]
    if all(row["mean"] is None for row in rows):
        return None
    _shade(rows)
    x, y = (_order(found, name) for name in (figure.x or "", figure.y or ""))
    view = _view(figure, x, y)
    by = f"{figure.x_title or figure.x} and {figure.y_title or figure.y}"
    words = f"{figure.value} by {by}, as a map of colours. {_extremes(rows)}"
    notes = (
        "A cell is the mean over seeds.",
        *mixed((_place(point, figure), point.arm) for point in found),
        *_crosses(rows),
        *losses(found, ("crashed", "not finite")),
    )
    height = _CELL[1] * len(y)
    if len({row["panel"] for row in rows}) == 1:
        whole = view.properties(width="container", height=height, data=inside(rows))
        return Drawing(whole, _numbers(rows, figure), words, notes=notes)
    wide = min(_MOST_WIDE, _CELL[0] * len(x))
    view = view.properties(width=wide, height=height)
    return Drawing(panels(view, rows, "panel"), _numbers(rows, figure), words, notes=notes, panel=wide + BESIDE)


def _cells(found: Sequence[Point], figure: StudyFigure) -> list[list[Point]]:
    cells: dict[tuple[str, ...], list[Point]] = {}
    for point in found:
        cells.setdefault(_place(point, figure), []).append(point)
    return [*cells.values()]


def _place(point: Point, figure: StudyFigure) -> tuple[str, str, str]:
    panel = "" if figure.group is None else text(point.options.get(figure.group))
    return panel, text(point.options[figure.x or ""]), text(point.options[figure.y or ""])


def _cell(own: Sequence[Point], figure: StudyFigure) -> Row:
    panel, x, y = _place(own[0], figure)
    found = spread((point.value for point in own), log=figure.log_y)
    diverged = sum(point.ending == "diverged" for point in own)
    mean = None if found is None else rounded(found.mean)
    said = [] if mean is None else [f"{mean:#.3g}".removesuffix(".")]
    said += [f"{TIMES}{diverged}"] if diverged else []
    values = ", ".join(NONE if point.value is None else f"{point.value:.4g}" for point in own)
    return {
        "panel": panel,
        "x": x,
        "y": y,
        "mean": mean,
        "said": "\n".join(said),
        "seeds": len(own),
        "diverged": diverged,
        "values": values,
    }


def _shade(rows: Sequence[Row]) -> None:
    """Say of each cell whether its colour is near the high end, where its text needs another colour."""
    known = [row["mean"] for row in rows if row["mean"] is not None]
    border = min(known) + 0.55 * (max(known) - min(known))
    for row in rows:
        row["high"] = row["mean"] is not None and row["mean"] > border


def _order(found: Sequence[Point], name: str) -> list[str]:
    """The values of an option as they stand at an axis: numbers by their size, others as the claim has them."""
    values = list(dict.fromkeys(point.options[name] for point in found))
    numbers: list[Any] = [one for one in values if isinstance(one, int | float) and not isinstance(one, bool)]
    if len(numbers) == len(values):
        return [text(one) for one in sorted(numbers)]
    return [text(one) for one in values]


def _view(figure: StudyFigure, x: Sequence[str], y: Sequence[str]) -> View:
    place: dict[str, Any] = {
        "x": alt.X(
            "x:N", sort=x, title=figure.x_title or figure.x, axis=alt.Axis(labelAngle=0, domain=False, ticks=False)
        ),
        "y": alt.Y(
            "y:N", sort=[*reversed(y)], title=figure.y_title or figure.y, axis=alt.Axis(domain=False, ticks=False)
        ),
    }
    colours = alt.Color(
        "mean:Q",
        scale=alt.Scale(type="log" if figure.log_y else "linear"),
        title=figure.value,
        legend=alt.Legend(orient="top", gradientLength=160, direction="horizontal"),
    )
    tooltip = [
        alt.Tooltip("x:N", title=figure.x_title or figure.x),
        alt.Tooltip("y:N", title=figure.y_title or figure.y),
        alt.Tooltip("mean:Q", format=".5~g"),
        alt.Tooltip("values:N", title="by seed"),
        alt.Tooltip("diverged:Q"),
    ]
    base = alt.Chart()
    known = base.transform_filter("isValid(datum.mean)").mark_rect().encode(**place, color=colours, tooltip=tooltip)
    missing = base.transform_filter("!isValid(datum.mean)").mark_rect(style="missing").encode(**place, tooltip=tooltip)
    return alt.layer(known, missing, *(_text(base, place, style) for style in ("on-low", "on-high", "bad-text")))


def _text(base: alt.Chart, place: dict[str, Any], style: str) -> View:
    which = {
        "on-low": "isValid(datum.mean) && !datum.high",
        "on-high": "isValid(datum.mean) && datum.high",
        "bad-text": "!isValid(datum.mean)",
    }[style]
    mark = base.transform_filter(which).mark_text(style=style, lineBreak="\n", baseline="middle")
    return mark.encode(**place, text="said:N")


def _numbers(rows: Sequence[Row], figure: StudyFigure) -> list[Row]:
    names = {"panel": figure.group or "panel", "x": figure.x or "x", "y": figure.y or "y", "mean": "mean"}
    return [
        {names[name]: row[name] for name in names if name != "panel" or figure.group}
        | {name: row[name] for name in ("seeds", "diverged", "values")}
        for row in rows
    ]


def _crosses(rows: Sequence[Row]) -> list[str]:
    return [f"With {TIMES}2, two of its seeds diverged."] if any(row["diverged"] for row in rows) else []


def _extremes(rows: Sequence[Row]) -> str:
    known = sorted((row for row in rows if row["mean"] is not None), key=lambda row: float(row["mean"]))
    least, most = known[0], known[-1]
    low, high = (f"{row['mean']:g} at {row['x']} and {row['y']}" for row in (least, most))
    return f"Lowest {low}; highest {high}."
