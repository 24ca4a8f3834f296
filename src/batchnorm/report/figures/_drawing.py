"""What do all figures share: hidden arms, data inside, names that break into lines?"""

import json
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import altair as alt

from ...records import StudyFigure
from ...tables import Column, Table
from ._numbers import text
from ._theme import PALETTE

MOST_LETTERS = 24
"""Of a line of an arm's name at an axis."""

HIDDEN = "hidden"
"""The parameter of every figure with a legend: the names that are left out."""

_COLOURS = len(PALETTE["light"])
_DASHES = ([1, 0], [6, 3], [2, 2], [8, 3, 2, 3])

Row = dict[str, Any]


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
    """

    view: alt.Chart | alt.LayerChart | alt.FacetChart
    rows: Sequence[Row]
    words: str
    legend: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    panel: int | None = None

    def spec(self) -> dict[str, Any]:
        """The view as Vega-Lite has it, checked against its schema, without altair's looks."""
        with alt.data_transformers.enable(consolidate_datasets=False):
            spec = self.view.to_dict()
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
        return Table(tuple(Column(name) for name in names), cells)


def inside(rows: Sequence[Row]) -> alt.Data:
    """Rows as data that a figure carries with it."""
    return alt.Data(values=[{name: value for name, value in row.items() if value is not None} for row in rows])


def without_hidden(view: Any, field: str = "arm") -> Any:
    """The view without the rows whose arm is hidden; a row without an arm stays."""
    return view.transform_filter(f"indexof({HIDDEN}, datum.{field}) < 0")


def broken(names: Sequence[str], letters: int = MOST_LETTERS) -> str | None:
    """Return an expression for labels that breaks long names into lines; None where all are short.

    Example:
        >>> broken(["batch", "none"])
        >>> broken(["batch norm after the activation"])
        '({"batch norm after the activation": ["batch norm after", "the activation"]})[datum.value] || datum.label'
    """
    long = {name: textwrap.wrap(name, letters, max_lines=2, placeholder=" …") for name in names if len(name) > letters}
    return f"({json.dumps(long)})[datum.value] || datum.label" if long else None


def coloured(names: Sequence[str], *, dash: bool = True) -> dict[str, alt.Color | alt.StrokeDash]:
    """Encodings that tell the arms apart, in the order of the palette; beyond its end by dashes, too, for lines.

    There is no legend: a page has its own, and a file is given one back.
    """
    names = list(names)
    found: dict[str, alt.Color | alt.StrokeDash] = {
        "color": alt.Color("arm:N", scale=alt.Scale(domain=names), legend=None)
    }
    if dash and len(names) > _COLOURS:
        dashes = [_DASHES[place // _COLOURS % len(_DASHES)] for place in range(len(names))]
        found["strokeDash"] = alt.StrokeDash("arm:N", scale=alt.Scale(domain=names, range=dashes), legend=None)
    return found


def value_title(figure: StudyFigure) -> str:
    """What the axis of the values is called."""
    return figure.y_title or figure.value


def scale(*, log: bool, zero: bool = False) -> alt.Scale:
    """A logarithmic axis, or one that need not begin at 0."""
    return alt.Scale(type="log", nice=False) if log else alt.Scale(zero=zero)
