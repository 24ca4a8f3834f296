"""What is a figure before anybody draws it? A description for Vega-Lite, the words for it, and its numbers."""

from dataclasses import dataclass, field
from typing import Any

from ...tables import Table


@dataclass(frozen=True, slots=True)
class Chart:
    """A figure as data: whoever draws it chooses size and colours.

    Attributes:
        name: what its files are called; unique in a report, letters, digits and hyphens.
        title: one line to stand above it; it is not in `spec`.
        words: what there is to see, in a sentence or two, for those who do not see it.
        spec: for Vega-Lite, without colours (`vega_config` has them) and without a legend of arms. Its parameter
            `hidden` is a list of names of `legend`, which are left out. Of several panels,
            `spec["usermeta"]["panel"]` is the width of one in pixels, all around it included, and `spec["columns"]`
            how many stand side by side: a narrow page sets fewer. A single panel is as wide as its container.
        numbers: all that is drawn, for a file of comma-separated values.
        legend: the names that colours tell apart, in the order of the palette; empty: there is nothing to be hidden.
        notes: what marks and lines mean, sentences to stand below it.
    """

    name: str
    title: str
    words: str
    spec: dict[str, Any] = field(repr=False)
    numbers: Table = field(repr=False)
    legend: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
