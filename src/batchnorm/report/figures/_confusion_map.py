"""Which classes are taken for which? A cell for each pair of classes, coloured by its share of the true class."""

import altair as alt

from ...records import Scores
from ._drawing import Drawing, Row, View, broken, inside
from ._numbers import rounded

_CELL = 32
_FEW = 25
"""Up to so many classes, cells have their counts in them."""
MOST_CELLS = 4_000
"""So many are drawn, for a page should stay small; all of them are in the numbers."""
_LARGEST = 560
"""The height for more of them, in pixels."""


def confusion_map(scores: Scores) -> Drawing | None:
    """Draw a confusion matrix; None where no image was judged."""
    names = [one.name for one in scores.classes]
    few = len(names) <= _FEW
    rows = [
        _row(names, true, predicted, count, sum(counts))
        for true, counts in enumerate(scores.confusion)
        for predicted, count in enumerate(counts)
        if few or count
    ]
    if not any(row["count"] for row in rows):
        return None
    shown = rows if len(rows) <= MOST_CELLS else sorted(rows, key=lambda row: -row["count"])[:MOST_CELLS]
    height = _CELL * len(names) if few else _LARGEST
    view = _view(shown, names, few=few).properties(width="container", height=height, data=inside(shown))
    right = sum(counts[true] for true, counts in enumerate(scores.confusion))
    notes = [
        f"{right:,} of {scores.images:,} test images are right. A cell's colour is its share of the images of its row."
    ]
    if len(shown) < len(rows):
        notes.append(f"Of {len(rows):,} pairs of classes the {MOST_CELLS:,} with the most images are drawn.")
    return Drawing(view, rows, f"A map of colours. {_worst(rows)}", notes=(*notes,))


def _row(names: list[str], true: int, predicted: int, count: int, images: int) -> Row:
    return {
        "true": names[true],
        "predicted": names[predicted],
        "count": count,
        "share": rounded(count / images) if images else 0.0,
    }


def _view(rows: list[Row], names: list[str], *, few: bool) -> View:
    axis = {
        "domain": False,
        "ticks": False,
        "labelLimit": 110,
        "labelOverlap": not few,
        **(broken(names, 14) if few else {}),
    }
    place = {
        "x": alt.X(
            "predicted:N",
            sort=names,
            title="predicted class",
            scale=alt.Scale(domain=names),
            axis=alt.Axis(labelAngle=-45, labelAlign="right", **axis),
        ),
        "y": alt.Y("true:N", sort=names, title="true class", scale=alt.Scale(domain=names), axis=alt.Axis(**axis)),
    }
    # The square root lets one mistake in a hundred be seen beside a diagonal of nearly 1.
    scale = alt.Scale(type="pow", exponent=0.5, domain=[0, 1])
    legend = alt.Legend(orient="top", gradientLength=160, direction="horizontal", format=".0%")
    tooltip = [
        alt.Tooltip("true:N", title="true class"),
        alt.Tooltip("predicted:N", title="predicted"),
        alt.Tooltip("count:Q", title="images"),
        alt.Tooltip("share:Q", title="of its class", format=".1%"),
    ]
    base = alt.Chart()
    cells = base.mark_rect().encode(
        **place,
        color=alt.Color("share:Q", scale=scale, title="share of the true class", legend=legend),
        tooltip=tooltip,
    )
    if not few:
        return alt.layer(cells)
    texts = [
        base.transform_filter(f"datum.count > 0 && datum.share {sign} 0.3")
        .mark_text(style=style)
        .encode(**place, text="count:Q")
        for sign, style in (("<=", "on-low"), (">", "on-high"))
    ]
    return alt.layer(cells, *texts)


def _worst(rows: list[Row]) -> str:
    """The three most frequent mistakes."""
    wrong = sorted(
        (row for row in rows if row["true"] != row["predicted"] and row["count"]), key=lambda row: -row["count"]
    )
    said = "; ".join(f"{row['true']} for {row['predicted']} ({row['count']})" for row in wrong[:3])
    return f"Most frequent mistakes, true class first: {said}." if said else "There is no mistake."
