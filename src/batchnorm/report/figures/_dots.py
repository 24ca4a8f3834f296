"""What did every seed of every arm come to? A row for each arm, a dot for each seed, the mean with its interval."""

from collections.abc import Sequence

import altair as alt

from ...records import StudyClaim, StudyFigure, StudyRun
from ._drawing import Drawing, Row, View, broken, in_lines, inside, logarithmic
from ._numbers import rounded, spread
from ._points import Point, by_ending, losses, mark_notes, on_axis, points

_ROW = 34
"""The height of an arm's row, in pixels, if its name has one line or two."""
_LINE = 13

_SEED_NOTE = "A dot is a seed; the diamond is the {mean}, its line the 95 % interval of the mean."


def dots(claim: StudyClaim, runs: Sequence[StudyRun], figure: StudyFigure) -> Drawing | None:
    """Draw a value by arm; None where no run has it."""
    log = figure.log_y or figure.log_x
    found = points(claim, runs, figure.value)
    drawn, off = on_axis(found, log=log)
    if not drawn:
        return None
    arms = [*dict.fromkeys(point.arm for point in found)]
    means = [_mean(arm, drawn, log=log) for arm in arms]
    x = _values(figure, [point.value for point in drawn], log=log)
    y = alt.Y("arm:N", sort=arms, scale=alt.Scale(domain=arms, padding=0), title=None, axis=_axis(arms))
    height = max(_ROW, _LINE * max(len(in_lines(arm)) for arm in arms) + 8)
    view = alt.layer(
        _seeds(drawn, x, y, height), *_means([mean for mean in means if mean], x, y), *_nothing(found, arms, y)
    )
    notes = [_SEED_NOTE.format(mean="geometric mean" if log else "mean"), *mark_notes(drawn), *losses(found), *off]
    return Drawing(
        view.properties(width="container", height=height * len(arms)),
        _rows(found),
        _words(figure, means),
        notes=(*notes,),
    )


def _values(figure: StudyFigure, numbers: Sequence[float | None], *, log: bool) -> alt.X:
    title = figure.y_title or figure.x_title or figure.value
    if log:
        return alt.X(
            "value:Q", title=title, scale=alt.Scale(type="log", nice=False, padding=8), axis=logarithmic(numbers)
        )
    return alt.X("value:Q", title=title, scale=alt.Scale(zero=False, padding=8), axis=alt.Axis(tickCount=8))


def _axis(arms: Sequence[str]) -> alt.Axis:
    return alt.Axis(domain=False, ticks=False, labelLimit=200, labelPadding=8, labelOverlap=False, **broken(arms))


def _mean(arm: str, drawn: Sequence[Point], *, log: bool) -> Row | None:
    own = [point for point in drawn if point.arm == arm]
    found = spread((point.value for point in own), log=log)
    if found is None:
        return None
    if any(point.ending != "done" for point in own):  # a bound, or what is left of a training, is no draw of the arm
        return {"arm": arm, "value": rounded(found.mean), "low": None, "high": None}
    return {"arm": arm, "value": rounded(found.mean), "low": rounded(found.low), "high": rounded(found.high)}


def _seeds(drawn: Sequence[Point], x: alt.X, y: alt.Y, height: int) -> View:
    seeds = sorted({point.seed for point in drawn})
    rows = [_row(point) | {"place": seeds.index(point.seed)} for point in drawn]
    offset = alt.YOffset("place:Q", scale=alt.Scale(domain=[-1, len(seeds)], range=[height / 2 - 13, height / 2 + 13]))
    tooltip = [
        alt.Tooltip("arm:N"),
        alt.Tooltip("seed:Q"),
        alt.Tooltip("value:Q", format=".5~g"),
        alt.Tooltip("ending:N"),
        *([alt.Tooltip("reason:N")] if any(point.reason for point in drawn) else []),
    ]
    mark = alt.Chart(inside(rows)).mark_point(filled=True, size=42, opacity=0.7, strokeWidth=2)
    return mark.encode(x=x, y=y, yOffset=offset, tooltip=tooltip, **by_ending())


def _means(means: Sequence[Row], x: alt.X, y: alt.Y) -> list[View]:
    tooltip = [
        alt.Tooltip("arm:N"),
        alt.Tooltip("value:Q", title="mean", format=".5~g"),
        alt.Tooltip("low:Q", title="interval from", format=".5~g"),
        alt.Tooltip("high:Q", title="to", format=".5~g"),
    ]
    wide = [mean for mean in means if mean["low"] is not None]
    lines = (
        [alt.Chart(inside(wide)).mark_rule(style="interval").encode(x=alt.X("low:Q"), x2="high:Q", y=y)] if wide else []
    )
    diamonds = alt.Chart(inside(means)).mark_point(style="mean", shape="diamond", size=70)
    return [*lines, diamonds.encode(x=x, y=y, tooltip=tooltip)]


def _nothing(found: Sequence[Point], arms: Sequence[str], y: alt.Y) -> list[View]:
    """What stands in the row of an arm without any number: why there is none."""
    rows = []
    for arm in arms:
        own = [point for point in found if point.arm == arm]
        if all(point.value is None for point in own):
            rows.append({"arm": arm, "said": ", ".join(dict.fromkeys(point.ending for point in own))})
    if not rows:
        return []
    mark = alt.Chart(inside(rows)).mark_text(style="bad-text", align="left", dx=6)
    return [mark.encode(x=alt.value(0), y=y, text="said:N")]


def _row(point: Point) -> Row:
    return {
        "arm": point.arm,
        "seed": point.seed,
        "value": point.value,
        "ending": point.ending,
        "reason": point.reason or None,
    }


def _rows(found: Sequence[Point]) -> list[Row]:
    return [_row(point) for point in found]


def _words(figure: StudyFigure, means: Sequence[Row | None]) -> str:
    said = "; ".join(f"{mean['arm']} {mean['value']:g}" for mean in means if mean)
    return f"{figure.y_title or figure.value}, a dot for each seed. Means: {said}."
