"""How does a measured series go on, by step or by layer? A line for each arm, with a band over its seeds."""

from collections.abc import Sequence

import altair as alt

from ...records import StudyClaim, StudyFigure, StudyRun
from ._drawing import Drawing, Row, coloured, inside, scale, value_title, without_hidden
from ._lines import Line, lines
from ._numbers import text
from ._points import endings, losses

_PANEL = (260, 200)
_HEIGHT = 280
_FEW = 40
"""Up to so many places of a line are dots."""


def curves(claim: StudyClaim, runs: Sequence[StudyRun], figure: StudyFigure) -> Drawing | None:
    """Draw a series over another one; None where no run has it."""
    return _drawing(claim, runs, figure, figure.x_title or figure.x or "step")


def layers(claim: StudyClaim, runs: Sequence[StudyRun], figure: StudyFigure) -> Drawing | None:
    """Draw a series by layer, from the first one on; None where no run has it."""
    return _drawing(claim, runs, figure, figure.x_title or "layer")


def _drawing(claim: StudyClaim, runs: Sequence[StudyRun], figure: StudyFigure, x_title: str) -> Drawing | None:
    found = lines(claim, runs, figure.value, figure.x, log=figure.log_y)
    if not found:
        return None
    rows = [row for line in found for row in _rows(line, figure.group)]
    view = _view(rows, figure, x_title, [line.arm for line in found])
    notes = [*_notes(found), *losses(endings(claim, runs))]
    words = f"{value_title(figure)} by {x_title}. {_ends(found)}"
    legend = tuple(line.arm for line in found)
    if figure.group is None:
        return Drawing(view.properties(width="container", height=_HEIGHT), rows, words, legend, (*notes,))
    view = view.properties(width=_PANEL[0], height=_PANEL[1])
    panels = [*dict.fromkeys(row["panel"] for row in rows)]
    faceted = view.facet(alt.Facet("panel:N", sort=panels, title=None), data=inside(rows), columns=2)
    return Drawing(faceted, rows, words, legend, (*notes,), panel=_PANEL[0] + 70)


def _view(rows: Sequence[Row], figure: StudyFigure, x_title: str, names: Sequence[str]) -> alt.LayerChart:
    named = any(isinstance(row["x"], str) for row in rows)
    kind, axis = ("N", alt.Axis()) if named else ("Q", alt.Axis(grid=False))
    x = alt.X(f"x:{kind}", title=x_title, axis=axis, scale=alt.Undefined if named else _x_scale(figure), sort=None)
    y_scale = scale(log=figure.log_y)
    y = {"scale": y_scale, "title": value_title(figure)}
    whole = without_hidden(alt.Chart(inside(rows)) if figure.group is None else alt.Chart())
    band = whole.mark_area(opacity=0.18).encode(x=x, y=alt.Y("low:Q", **y), y2="high:Q", **coloured(names, dash=False))
    line = whole.mark_line(strokeWidth=2).encode(x=x, y=alt.Y("mean:Q", **y), **coloured(names))
    seen = 1 if len({row["x"] for row in rows}) <= _FEW else 0
    dots = whole.mark_point(filled=True, size=36, opacity=seen)
    return alt.layer(
        band,
        line,
        dots.encode(x=x, y=alt.Y("mean:Q", **y), tooltip=_tooltip(x_title, kind), **coloured(names, dash=False)),
    )


def _x_scale(figure: StudyFigure) -> alt.Scale:
    return alt.Scale(type="log", nice=False) if figure.log_x else alt.Scale(zero=False, nice=False)


def _tooltip(x_title: str, kind: str) -> list[alt.Tooltip]:
    return [
        alt.Tooltip("arm:N"),
        alt.Tooltip(f"x:{kind}", title=x_title),
        alt.Tooltip("mean:Q", format=".4~g"),
        alt.Tooltip("low:Q", title="lowest seed", format=".4~g"),
        alt.Tooltip("high:Q", title="highest seed", format=".4~g"),
        alt.Tooltip("seeds:Q"),
    ]


def _rows(line: Line, group: str | None) -> list[Row]:
    panel = {} if group is None else {"panel": text(line.options.get(group))}
    return [
        {
            "arm": line.arm,
            **panel,
            "x": place.x,
            "mean": place.mean,
            "low": place.low,
            "high": place.high,
            "seeds": place.seeds,
        }
        for place in line.places
    ]


def _notes(found: Sequence[Line]) -> list[str]:
    notes = []
    if any(place.seeds > 1 for line in found for place in line.places):
        notes.append("A line is the mean over seeds, its band reaches from the lowest seed to the highest.")
    block = max(line.block for line in found)
    if block > 1:
        notes.append(f"Each place is the mean of up to {block} values that follow one another.")
    return notes


def _ends(found: Sequence[Line]) -> str:
    said = "; ".join(f"{line.arm}: from {line.places[0].mean:g} to {line.places[-1].mean:g}" for line in found)
    return f"{said}."
