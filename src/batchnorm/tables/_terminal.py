"""How does a table look at a terminal?"""

import shutil
from io import StringIO
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.table import Table as RichTable

    from ._table import Table

STYLES = {"": "", "good": "green", "bad": "red", "faint": "dim"}
LEAST = 16
"""Characters of the first column that stay when it has to fold."""


def to_text(table: "Table", width: int | None, *, colour: bool) -> str:
    """Return the table in lines of at most `width` characters: first columns are dropped, then the left one folds."""
    from rich.console import Console

    width = shutil.get_terminal_size().columns if width is None else width
    file = StringIO()
    console = Console(file=file, width=width, force_terminal=colour, color_system="standard" if colour else None)
    if table.title:
        console.print(table.title, markup=False, highlight=False)
    if table.rows:
        console.print(_rich(table, width))
    for note in table.notes:
        console.print(note, markup=False, highlight=False)
    return "\n".join(line.rstrip() for line in file.getvalue().splitlines())


def _rich(table: "Table", width: int) -> "RichTable":
    from rich.box import SIMPLE_HEAD
    from rich.table import Table as RichTable
    from rich.text import Text

    kept = _kept(table, width)
    rich = RichTable(box=SIMPLE_HEAD, show_edge=False, padding=(0, 1, 0, 0), pad_edge=False)
    for place in kept:
        column = table.columns[place]
        # The first column names its row: it folds before anything is cut off.
        rich.add_column(Text(column.heading), justify=column.justify, no_wrap=place > 0, overflow="fold")
    for row in table.cells:
        rich.add_row(*(Text(row[place].text, style=STYLES[row[place].mark]) for place in kept))
    return rich


def _kept(table: "Table", width: int) -> list[int]:
    """The places of the columns that stay."""
    from rich.cells import cell_len

    kept = list(range(len(table.columns)))
    needed = [
        max(cell_len(text) for text in (column.heading, *(row[place].text for row in table.cells)))
        for place, column in enumerate(table.columns)
    ]
    if needed:
        needed[0] = min(needed[0], LEAST)
    while sum(needed[place] + 2 for place in kept) - 2 > width:
        last = max(kept, key=lambda place: (table.columns[place].drop, place))
        if not table.columns[last].drop:
            break
        kept.remove(last)
    return kept
