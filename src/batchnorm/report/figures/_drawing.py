"""What do all figures share: hidden arms, data inside, names that break into lines?"""

import json
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import altair as alt

from ...records import StudyFigure
from ...tables import Column, Table
from ._numbers import text
from ._theme import PALETTE

MOST_LETTERS = 24
"""Of a line of an arm's name at an axis."""

MOST_LINES = 3

HIDDEN = "hidden"
"""The parameter of every figure with a legend: the names that are left out."""

_COLOURS = len(PALETTE["light"])
_DASHES = ([1, 0], [6, 3], [2, 2], [8, 3, 2, 3])

Row = dict[str, Any]
View = Any
"""A chart of altair's, whose class depends on what it is made of."""


@dataclass(frozen=True)
class Drawing:
    """What one kind of figure makes of its runs.

    Attributes:
        view: the marks.
        rows: the numbers that are drawn.
        words: what there is to see.
        legend: names that have colours.
        notes: what marks mean, and what is missing.
        panel: the width of one panel, where there are several.
        names: what the fields of the rows are called for others, where that differs.
    """

    view: View
    rows: Sequence[Row]
    words: str
    legend: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    panel: int | None = None
    names: Mapping[str, str] = field(default_factory=dict)

    def spec(self) -> dict[str, Any]:
        """The view as Vega-Lite has it, checked against its schema, without altair's looks."""
        with alt.data_transformers.enable(consolidate_datasets=False):
            spec: dict[str, Any] = self.view.to_dict()
        spec.pop("config", None)
        if self.legend:
            spec["params"] = [*spec.get("params", []), {"name": HIDDEN, "value": []}]
        if self.panel is not None:
            spec["usermeta"] = {"panel": self.panel}
        return spec

    def numbers(self) -> Table:
        """The rows as a table."""
        names = tuple(dict.fromkeys(name for row in self.rows for name in row))
        cells = tuple(tuple("" if row.get(name) is None else text(row[name]) for name in names) for row in self.rows)
        return Table(tuple(Column(self.names.get(name, name)) for name in names), cells)


def inside(rows: Sequence[Row]) -> alt.InlineData:
    """Rows as data that a figure carries with it."""
    return alt.InlineData(values=[{name: value for name, value in row.items() if value is not None} for row in rows])


def without_hidden(view: View) -> View:
    """The view without the rows whose arm is hidden."""
    return view.transform_filter(f"indexof({HIDDEN}, datum.arm) < 0")


def in_lines(name: str, letters: int = MOST_LETTERS) -> list[str]:
    """Break a name into a few lines of so many letters; what does not fit is left out.

    Example:
        >>> in_lines("batch norm after the activation")
        ['batch norm after the', 'activation']
    """
    return textwrap.wrap(name, letters, max_lines=MOST_LINES, placeholder=" …")


def broken(names: Sequence[str], letters: int = MOST_LETTERS) -> dict[str, Any]:
    """Return what an axis is told for labels that break long names into lines; nothing where all are short.

    Example:
        >>> broken(["batch", "none"])
        {}
        >>> broken(["batch norm after the activation"])["labelExpr"]
        '({"batch norm after the activation": ["batch norm after the", "activation"]})[datum.value] || datum.label'
    """
    long = {name: in_lines(name, letters) for name in names if len(name) > letters}
    return {"labelExpr": f"({json.dumps(long)})[datum.value] || datum.label"} if long else {}


def coloured(names: Sequence[str], *, dash: bool = True) -> dict[str, Any]:
    """Encodings that tell the arms apart, in the order of the palette; beyond its end by dashes, too, for lines.

    There is no legend: a page has its own, and a file is given one back.
    """
    names = list(names)
    found: dict[str, Any] = {"color": alt.Color("arm:N", scale=alt.Scale(domain=names), legend=None)}
    if dash and len(names) > _COLOURS:
        dashes = [_DASHES[place // _COLOURS % len(_DASHES)] for place in range(len(names))]
        found["strokeDash"] = alt.StrokeDash("arm:N", scale=alt.Scale(domain=names, range=dashes), legend=None)
    return found


def value_title(figure: StudyFigure) -> str:
    """What the axis of the values is called."""
    return figure.y_title or figure.value


def upright(field: str, figure: StudyFigure, numbers: Iterable[float | None] = ()) -> alt.Y:
    """The axis of the values, which are those `numbers`: logarithmic, or one that need not begin at 0."""
    if figure.log_y:
        places = alt.Scale(type="log", nice=False)
        return alt.Y(field, title=value_title(figure), scale=places, axis=logarithmic(numbers))
    return alt.Y(field, title=value_title(figure), scale=alt.Scale(zero=False), axis=alt.Axis(tickCount=6))


def along(
    field: str,
    title: str | None,
    numbers: Iterable[float | None] = (),
    *,
    log: bool,
    padding: float = 0,
    axis: alt.Axis | None = None,
) -> alt.X:
    """The axis of what is given: it ends where those `numbers` end, but for some pixels."""
    places = alt.Scale(
        type="log" if log else "linear", zero=alt.Undefined if log else False, nice=False, padding=padding
    )
    usual = logarithmic(numbers, grid=False) if log else alt.Axis(grid=False, tickCount=8)
    return alt.X(field, title=title, scale=places, axis=axis or usual)


def logarithmic(numbers: Iterable[float | None] = (), **more: Any) -> alt.Axis:
    """A logarithmic axis of such numbers; what is far from 1 is written by powers of ten.

    Over several decades Vega names as many ticks as it has room for, and leaves the others without a name. Inside of
    one it names none, so that there each has one.
    """
    known = [number for number in numbers if number is not None and number > 0]
    short = "datum.value >= 0.001 && datum.value < 1e5 ? format(datum.value, '~r') : format(datum.value, '.0~e')"
    few = bool(known) and max(known) < 10 * min(known)
    label = "format(datum.value, '~g')" if few else f"datum.label === '' ? '' : {short}"
    usual: dict[str, Any] = {"tickCount": 6, "labelExpr": label}
    return alt.Axis(**usual | more)
