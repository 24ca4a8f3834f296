"""What a record comes to, in cells and words; and how a terminal, a notebook, Markdown and CSV show them.

A table knows nothing of what it is about: `records` makes tables, whoever shows them renders them.
"""

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
