"""How do several panels stand beside each other?"""

from collections.abc import Sequence
from typing import Any

import altair as alt

from ._drawing import Row, View, inside

PANEL = 240
"""The width of a panel's inside, in pixels: with what stands beside it two of them fit a page, and one a phone."""

BESIDE = 70


def panels(view: Any, rows: Sequence[Row], field: str) -> View:
    """Return a panel for each value of a field, in the order of the rows, which all panels share."""
    names = [*dict.fromkeys(str(row[field]) for row in rows)]
    facet = alt.Facet(f"{field}:N", sort=names, title=None)
    faceted: alt.FacetChart = view.facet(facet, data=inside(rows), columns=2)
    # Of an odd number one place of the last line is empty, where a common axis would stand under nothing.
    return faceted.resolve_axis(x="independent") if len(names) % 2 else faceted
