"""How far are each norm's running statistics from exact ones? A row per norm, in the model's order."""

import altair as alt

from ...records import STALE, NormRecalibration, Recalibration
from ._drawing import Drawing, Row, View, broken, coloured, inside, logarithmic, without_hidden
from ._numbers import rounded

_ROW = 26
_LEAST = 1e-3
"""Where the axis begins; what is smaller stands there."""
_MEAN, _VARIANCE = "mean, in sigmas", "variance, |log ratio|"


def stale_norms(record: Recalibration) -> Drawing | None:
    """Draw how far means and variances are off, from the average channel to the worst; None without a norm."""
    rows = [row for norm in record.norms for row in _rows(norm)]
    if not rows:
        return None
    names = [*dict.fromkeys(row["norm"] for row in rows)]
    stale = sum(norm.is_stale for norm in record.norms)
    notes = [
        "A dot is the average over a norm's channels, its line ends at the worst channel.",
        f"Beyond {STALE:g}, the dashed line, statistics are stale: those of {stale} of {len(record.norms)} norms.",
        f"Exact ones are of {record.samples:,} training images.",
    ]
    off = [row for row in rows if row["average"] is None]
    if off:
        notes.append(f"Not a number: {', '.join(dict.fromkeys(row['norm'] for row in off))}.")
    drawn = [_limited(row) for row in rows if row["average"] is not None]
    view = _view(drawn, names).properties(width="container", height=_ROW * len(names))
    words = f"How far running statistics are from exact ones: {stale} of {len(record.norms)} norms are stale."
    return Drawing(view, rows, words, (_MEAN, _VARIANCE), (*notes,), names={"arm": "statistic"})


def _rows(norm: NormRecalibration) -> list[Row]:
    name = norm.name or "(the model)"
    pairs = (
        (_MEAN, norm.drift_mean_average, norm.drift_mean_max),
        (_VARIANCE, norm.drift_var_average, norm.drift_var_max),
    )
    return [
        {"norm": name, "arm": arm, "average": rounded(average), "worst": rounded(worst)}
        for arm, average, worst in pairs
    ]


def _limited(row: Row) -> Row:
    """The row as a logarithmic axis can show it."""
    average = max(row["average"], _LEAST)
    return row | {"from": average, "to": average if row["worst"] is None else max(row["worst"], _LEAST)}


def _view(rows: list[Row], names: list[str]) -> View:
    scale = alt.Scale(
        type="log", nice=False, padding=8, domainMin=_LEAST, domainMax=max([3 * STALE, *(row["to"] for row in rows)])
    )
    title = "distance from the exact statistics"
    x = alt.X("from:Q", title=title, scale=scale, axis=logarithmic(values=[10.0**power for power in range(-3, 7)]))
    axis = alt.Axis(domain=False, ticks=False, labelLimit=200, labelOverlap=False, **broken(names, 30))
    y = alt.Y("norm:N", sort=names, scale=alt.Scale(domain=names, padding=0), title=None, axis=axis)
    offset = alt.YOffset("arm:N", scale=alt.Scale(domain=[_MEAN, _VARIANCE], range=[9, _ROW - 9]))
    tooltip = [
        alt.Tooltip("norm:N"),
        alt.Tooltip("arm:N", title="statistic"),
        alt.Tooltip("average:Q", format=".3~g"),
        alt.Tooltip("worst:Q", title="worst channel", format=".3~g"),
    ]
    colours = coloured((_MEAN, _VARIANCE))
    whole = without_hidden(alt.Chart(inside(rows)))
    border = alt.Chart(inside([{"from": STALE}])).mark_rule(style="reference").encode(x=x)
    lines = whole.mark_rule(strokeWidth=2, opacity=0.55).encode(x=x, x2="to:Q", y=y, yOffset=offset, **colours)
    dots = whole.mark_point(filled=True, size=55, opacity=1).encode(
        x=x, y=y, yOffset=offset, tooltip=tooltip, **colours
    )
    return alt.layer(border, lines, dots)
