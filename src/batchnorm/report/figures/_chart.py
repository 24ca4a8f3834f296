"""What is a figure before anybody draws it? A description for Vega-Lite, the words for it, and its numbers."""

from dataclasses import dataclass, field
from typing import Any

from ...tables import Table


@dataclass(frozen=True, slots=True)
class Chart:
    """A figure as data: whoever draws it chooses size and colours.

    Attributes:
        name: what its files are called; unique in a report, letters, digits and hyphens.
        title: one line to stand above it; it is not drawn.
        words: what there is to see, in a sentence or two, for those who do not see it.
        spec: for Vega-Lite, without colours (`vega_config` has them). Its parameter `hidden` is a list of names of
            `legend`: those are left out. `spec["usermeta"]["panel"]` is the width of one panel in pixels, all around
            it included, if there are several, which stand in `spec["columns"]` columns: a narrow page sets fewer.
            Without it the width is "container".
        numbers: all that is drawn, for a file of comma-separated values.
        legend: the names that colours tell apart, in the order of the palette; empty: there is nothing to be hidden.
    """

    name: str
    title: str
    words: str
    spec: dict[str, Any] = field(repr=False)
    numbers: Table = field(repr=False)
    legend: tuple[str, ...] = ()
