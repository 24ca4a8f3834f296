"""How do the inputs of a layer move while a net trains? For each arm the quantiles of what comes in, over time."""

from collections.abc import Sequence
from typing import Any

import altair as alt

from ...records import StudyClaim, StudyFigure, StudyRun
from ._drawing import Drawing, Row, View, along, upright, value_title
from ._numbers import rounded
from ._panels import BESIDE, PANEL, panels
from ._points import endings, losses

_QUANTILES = ("5 %", "25 %", "50 %", "75 %", "95 %")
_FIELDS = ("q5", "q25", "q50", "q75", "q95")
_PANEL_HEIGHT = 180


def ridges(claim: StudyClaim, runs: Sequence[StudyRun], figure: StudyFigure) -> Drawing | None:
    """Draw a series of five quantiles each, a panel for each arm; None where no run has it."""
    rows = [row for arm in claim.arms for row in _rows(arm.name, runs, figure)]
    if not rows:
        return None
    arms = [*dict.fromkeys(row["arm"] for row in rows)]
    x_title = figure.x_title or figure.x or "time"
    view = _view(rows, figure, x_title).properties(width=PANEL, height=_PANEL_HEIGHT)
    notes = (
        "The line is the median, the bands reach from 25 % to 75 % and from 5 % to 95 %; means over seeds.",
        *losses(endings(claim, runs)),
    )
    words = f"{value_title(figure)}: quantiles over {x_title}, a panel for each of {', '.join(arms)}."
    names = {"x": x_title, **dict(zip(_FIELDS, _QUANTILES, strict=True))}
    return Drawing(panels(view, rows, "arm"), rows, words, notes=notes, panel=PANEL + BESIDE, names=names)


def _rows(arm: str, runs: Sequence[StudyRun], figure: StudyFigure) -> list[Row]:
    own = [run for run in runs if run.arm == arm and not run.searching and run.series.get(figure.value)]
    series: list[Any] = [run.series[figure.value] for run in own]
    times: list[Any] = [run.series.get(figure.x or "") or () for run in own]
    rows = []
    for place in range(max(map(len, series), default=0)):
        there = [one[place] for one in series if len(one) > place and len(one[place]) == len(_FIELDS)]
        whole = [one for one in there if all(isinstance(number, int | float) for number in one)]
        if whole:
            x = [one[place] for one in times if len(one) > place]
            means = {field: rounded(_mean([one[at] for one in whole])) for at, field in enumerate(_FIELDS)}
            rows.append({"arm": arm, "x": rounded(_mean(x)) if x else place + 1, **means, "seeds": len(whole)})
    return rows


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


def _view(rows: Sequence[Row], figure: StudyFigure, x_title: str) -> View:
    x = along("x:Q", x_title, [row["x"] for row in rows], log=figure.log_x)
    lowest, low, middle = (
        upright(f"{field}:Q", figure, [row[end] for row in rows for end in ("q5", "q95")]) for field in _FIELDS[:3]
    )
    base = alt.Chart()
    tooltip = [
        alt.Tooltip("x:Q", title=x_title),
        *(
            alt.Tooltip(f"{field}:Q", title=name, format=".4~g")
            for field, name in zip(_FIELDS, _QUANTILES, strict=True)
        ),
    ]
    return alt.layer(
        base.mark_area(opacity=0.18).encode(x=x, y=lowest, y2="q95:Q"),
        base.mark_area(opacity=0.3).encode(x=x, y=low, y2="q75:Q"),
        base.mark_line(strokeWidth=2).encode(x=x, y=middle),
        base.mark_point(opacity=0, size=80, filled=True).encode(x=x, y=middle, tooltip=tooltip),
    )
