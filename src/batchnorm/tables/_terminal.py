"""How does a table look at a terminal?"""

import shutil
import textwrap
from collections.abc import Collection, Iterator
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
NARROWEST = 2
"""Characters of a column in which words are broken: as many as the widest letters take."""


def to_text(table: "Table", width: int | None, *, colour: bool) -> str:
    """Return the table in lines of at most `width` characters; only a word that is longer goes beyond it."""
    from rich.console import Console, Group

    width = shutil.get_terminal_size().columns if width is None else width
    file = StringIO()
    console = Console(file=file, width=width, force_terminal=colour, color_system="standard" if colour else None)
    # In a group: a text that is printed alone forgets that it is not to be folded.
    console.print(Group(*renderables(table, width, wrap=True)), crop=False)
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

    headed = any(column.heading for column in table.columns)
    rich = RichTable(show_header=headed, box=SIMPLE_HEAD, show_edge=False, padding=(0, 1, 0, 0), pad_edge=False)
    widths = _widths(table, width)
    for place, least in widths.items():
        column = table.columns[place]
        rich.add_column(Text(one_line(column.heading)), justify=column.justify, width=least, overflow="fold")
    for row in table.cells:
        rich.add_row(*(Text(one_line(row[place].text), style=STYLES[row[place].mark]) for place in widths))
    return rich


def _widths(table: "Table", width: int) -> dict[int, int]:
    """How wide each column is that stays, by its place.

    What may wrap, wraps between words; then columns are dropped; where even what cannot be dropped has no room, words
    are broken: nothing is cut off.
    """
    needs = [_needs(table, place) for place in range(len(table.columns))]
    kept = _kept(table.columns, [least for least, _ in needs], width)
    widths = {place: needs[place][0] for place in kept}
    if _total(widths.values()) > width:
        widths = dict.fromkeys(kept, NARROWEST)
    while _total(widths.values()) < width and (short := [place for place in kept if widths[place] < needs[place][1]]):
        widths[min(short, key=lambda place: (widths[place], place))] += 1
    return widths


def _needs(table: "Table", place: int) -> tuple[int, int]:
    """The width with every word in one piece, and in one line if the column may not wrap; and that of one line."""
    from rich.cells import cell_len

    column = table.columns[place]
    texts = [one_line(text) for text in (column.heading, *(row[place].text for row in table.cells))]
    most = max(map(cell_len, texts))
    words = (cell_len(word) for text in texts for word in text.split())
    return (max(words, default=0) if column.wrap else most), most


def _kept(columns: "tuple[Column, ...]", least: list[int], width: int) -> list[int]:
    """The places of the columns that stay: those that can be dropped go, the least important first, until it fits."""
    kept = list(range(len(columns)))
    while len(kept) > 1 and _total([least[place] for place in kept]) > width:
        last = max(kept, key=lambda place: (columns[place].drop, place))
        if not columns[last].drop:
            break
        kept.remove(last)
    return kept


def _total(widths: Collection[int]) -> int:
    return sum(widths) + GAP * (len(widths) - 1)
