"""Tables of results, and how a terminal, a notebook, Markdown and CSV show them.

A table knows nothing of its subject: `records` makes tables, and whatever shows them renders them.
"""

from ._figures import NONE as NONE
from ._figures import counted as counted
from ._figures import decimals as decimals
from ._figures import mebibytes as mebibytes
from ._figures import milliseconds as milliseconds
from ._figures import shape_text as shape_text
from ._figures import times as times
from ._figures import two_digits as two_digits
from ._table import Cell as Cell
from ._table import Column as Column
from ._table import Mark as Mark
from ._table import Table as Table

__all__ = [
    "Cell",
    "Column",
    "Mark",
    "Table",
]


def __dir__() -> list[str]:
    return __all__
