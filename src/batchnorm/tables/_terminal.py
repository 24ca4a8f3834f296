"""How does a table look at a terminal?"""

import shutil
import textwrap
from collections.abc import Iterator
from io import StringIO
from typing import TYPE_CHECKING

from ._characters import one_line

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.table import Table as RichTable

    from ._table import Column, Table

STYLES = {"": "", "good": "green", "warning": "yellow", "bad": "red", "faint": "dim"}
GAP = 2
"""Characters between two columns."""
LEAST = 16
"""Characters that a column which may wrap keeps while there are columns that can be dropped."""


def to_text(table: "Table", width: int | None, *, colour: bool) -> str:
    """Return the table in lines of at most `width` characters; only a word that is longer goes beyond it."""
    from rich.console import Console

    width = shutil.get_terminal_size().columns if width is None else width
    file = StringIO()
    console = Console(file=file, width=width, force_terminal=colour, color_system="standard" if colour else None)
    for part in renderables(table, width, wrap=True):
        console.print(part, crop=False, highlight=False)
    return "\n".join(line.rstrip() for line in file.getvalue().splitlines())


def renderables(table: "Table", width: int, *, wrap: bool) -> "Iterator[RenderableType]":
    """Yield what rich prints for the table: the title, the table, the notes.

    Args:
        table: the table.
        width: characters per line.
        wrap: break title and notes between words; without, each is one line, for whoever reads them by a program.
    """
    from rich.text import Text

    def sentence(text: str) -> Text:
        words = one_line(text)
        # A path that is longer than a line stays whole, so that it can be copied.
        lines = textwrap.wrap(words, width, break_long_words=False, break_on_hyphens=False) if wrap else [words]
        return Text("\n".join(lines), no_wrap=True, overflow="ignore")

    if table.title:
        yield sentence(table.title)
    if table.rows:
        yield _rich(table, width)
    for note in table.notes:
        yield sentence(note)


def _rich(table: "Table", width: int) -> "RichTable":
    from rich.box import SIMPLE_HEAD
    from rich.table import Table as RichTable
    from rich.text import Text

    needed = _needed(table)
    kept = _kept(table.columns, needed, width)
    fits = _total([_least(table.columns[place], needed[place]) for place in kept]) <= width
    rich = RichTable(box=SIMPLE_HEAD, show_edge=False, padding=(0, 1, 0, 0), pad_edge=False)
    for place in kept:
        column = table.columns[place]
        rich.add_column(
            Text(one_line(column.heading)),
            justify=column.justify,
            # Where even what cannot be dropped has no room, everything folds: nothing is ever cut off.
            no_wrap=fits and not column.wrap,
            min_width=_least(column, needed[place]) if fits else None,
            overflow="fold",
        )
    for row in table.cells:
        rich.add_row(*(Text(one_line(row[place].text), style=STYLES[row[place].mark]) for place in kept))
    return rich


def _needed(table: "Table") -> list[int]:
    """How wide each column is if nothing in it wraps."""
    from rich.cells import cell_len

    return [
        max(cell_len(one_line(text)) for text in (column.heading, *(row[place].text for row in table.cells)))
        for place, column in enumerate(table.columns)
    ]


def _kept(columns: "tuple[Column, ...]", needed: list[int], width: int) -> list[int]:
    """The places of the columns that stay: those that can be dropped go, the least important first, until it fits."""
    kept = list(range(len(columns)))
    while _total([_least(columns[place], needed[place]) for place in kept]) > width:
        last = max(kept, key=lambda place: (columns[place].drop, place))
        if not columns[last].drop:
            break
        kept.remove(last)
    return kept


def _least(column: "Column", needed: int) -> int:
    return min(needed, LEAST) if column.wrap else needed


def _total(widths: list[int]) -> int:
    return sum(widths) + GAP * (len(widths) - 1)
