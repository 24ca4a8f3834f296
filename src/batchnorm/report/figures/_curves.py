"""How does a measured series go on, by step or by layer? A line for each arm, with a band over its seeds."""

from collections.abc import Sequence

import altair as alt

from ...records import StudyClaim, StudyFigure, StudyRun
from ._drawing import Drawing, Row, View, along, coloured, inside, upright, value_title, without_hidden
from ._lines import Line, lines
from ._numbers import text
from ._panels import BESIDE, PANEL, panels
from ._points import endings, losses, off_axis

_PANEL_HEIGHT = 200
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
    names = labels(found, figure.group)
    rows = [row for line, name in zip(found, names, strict=True) for row in _rows(line, name, figure.group)]
    legend = tuple(dict.fromkeys(names))
    notes = (*_notes(found), *losses(endings(claim, runs)))
    words = f"{value_title(figure)} by {x_title}. {_ends(found)}"
    called = {"x": x_title, "panel": figure.group or "panel", "low": "lowest", "high": "highest"}
    if figure.group is None:
        view = _view(alt.Chart(inside(rows)), rows, figure, x_title, legend).properties(
            width="container", height=_HEIGHT
        )
        return Drawing(view, rows, words, legend, notes, names=called)
    view = _view(alt.Chart(), rows, figure, x_title, legend).properties(width=PANEL, height=_PANEL_HEIGHT)
    return Drawing(panels(view, rows, "panel"), rows, words, legend, notes, PANEL + BESIDE, called)


def labels(found: Sequence[Line], group: str | None) -> list[str]:
    """Return what lines are called: by their arms, or in panels by all but the panel, if that tells them apart."""
    if group is None:
        return [line.arm for line in found]
    differing = [
        name
        for name in dict.fromkeys(name for line in found for name in line.options)
        if name != group and len({text(line.options.get(name)) for line in found}) > 1
    ]
    names = [", ".join(_option(name, line.options.get(name)) for name in differing) for line in found]
    places = {(name, text(line.options.get(group))) for name, line in zip(names, found, strict=True)}
    return names if len(places) == len(found) and all(names) else [line.arm for line in found]


def _option(name: str, value: object) -> str:
    return value if isinstance(value, str) else f"{name} {text(value)}"


def _view(source: alt.Chart, rows: Sequence[Row], figure: StudyFigure, x_title: str, names: Sequence[str]) -> View:
    named = any(isinstance(row["x"], str) for row in rows)
    kind = "N" if named else "Q"
    x = (
        alt.X("x:N", title=x_title, sort=None)
        if named
        else along("x:Q", x_title, [row["x"] for row in rows], log=figure.log_x)
    )
    low, mean = (
        upright(f"{field}:Q", figure, [row["low"] for row in rows] + [row["high"] for row in rows])
        for field in ("low", "mean")
    )
    whole = without_hidden(source)
    band = whole.mark_area(opacity=0.18).encode(x=x, y=low, y2="high:Q", **coloured(names, dash=False))
    line = whole.mark_line(strokeWidth=2).encode(x=x, y=mean, **coloured(names))
    few = len({row["x"] for row in rows}) <= _FEW
    dots = whole.mark_point(filled=True, size=36, opacity=1 if few else 0).encode(
        x=x, y=mean, tooltip=_tooltip(x_title, kind), **coloured(names, dash=False)
    )
    return alt.layer(band, line, dots)


def _tooltip(x_title: str, kind: str) -> list[alt.Tooltip]:
    return [
        alt.Tooltip("arm:N"),
        alt.Tooltip(f"x:{kind}", title=x_title),
        alt.Tooltip("mean:Q", format=".4~g"),
        alt.Tooltip("low:Q", title="lowest seed", format=".4~g"),
        alt.Tooltip("high:Q", title="highest seed", format=".4~g"),
        alt.Tooltip("seeds:Q"),
    ]


def _rows(line: Line, name: str, group: str | None) -> list[Row]:
    panel = {} if group is None else {"panel": text(line.options.get(group))}
    return [
        {
            "arm": name,
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
    return [*notes, *off_axis(sum(line.off for line in found))]


def _ends(found: Sequence[Line]) -> str:
    said = "; ".join(f"{line.arm}: from {line.places[0].mean:g} to {line.places[-1].mean:g}" for line in found)
    return f"{said}."
