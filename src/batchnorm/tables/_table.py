"""What stands in a table?"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from ._markup import to_csv, to_html, to_markdown
from ._terminal import renderables, to_text

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions, RenderableType

Mark = Literal["", "good", "warning", "bad", "faint"]
"""How a cell is set off from the others."""


@dataclass(frozen=True, slots=True)
class Cell:
    """A cell's text, and what it is to the reader: a mark is a colour where there are colours."""

    text: str
    mark: Mark = ""


@dataclass(frozen=True, slots=True)
class Column:
    """A column.

    Attributes:
        heading: its first line.
        justify: words stand left, numbers right.
        drop: where a line is too short for all columns, those with the largest number go first; 0 always stays.
        wrap: whether its cells may go on in a next line; numbers and short words should not.
    """

    heading: str
    justify: Literal["left", "right"] = "right"
    drop: int = 0
    wrap: bool = False


@dataclass(frozen=True, repr=False)
class Table:
    """Columns, rows, and the words above and below them; printing it shows it as text, a notebook as HTML.

    rich's consoles print it as it is, too, with colours.

    Attributes:
        columns: from left to right.
        rows: each with a cell (or its text alone) per column.
        title: a line above.
        notes: lines below.

    Raises:
        ValueError: a row has another number of cells.

    Example:
        >>> columns = (Column("norm", "left"), Column("drift"), Column("samples", drop=1))
        >>> table = Table(columns, (("bn1", "0.1", "128"), ("bn2", Cell("3.0", "bad"), "128")), notes=("in sigmas",))
        >>> print(table.text(width=12))
        norm  drift
        ───────────
        bn1     0.1
        bn2     3.0
        in sigmas
        >>> print(table.csv().splitlines()[1])
        bn1,0.1,128
    """

    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell | str, ...], ...]
    title: str = ""
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        odd = next((number for number, row in enumerate(self.rows) if len(row) != len(self.columns)), None)
        if odd is not None:
            raise ValueError(
                f"rows: expected {len(self.columns)} cells in each, got {len(self.rows[odd])} in row {odd}"
            )

    @property
    def cells(self) -> tuple[tuple[Cell, ...], ...]:
        """The rows, every cell with its mark."""
        return tuple(tuple(one if isinstance(one, Cell) else Cell(one) for one in row) for row in self.rows)

    def text(self, width: int | None = None, *, colour: bool = False) -> str:
        """Word it for a terminal of that many characters per line; None: as wide as this one is."""
        return to_text(self, width, colour=colour)

    def markdown(self) -> str:
        """Word it in GitHub's Markdown."""
        return to_markdown(self)

    def html(self) -> str:
        """Word it as an HTML table, escaped."""
        return to_html(self)

    def csv(self) -> str:
        """Word headings and rows as comma-separated values."""
        return to_csv(self)

    def __str__(self) -> str:
        return self.text()

    def __repr__(self) -> str:
        return f"<Table: {len(self.rows)} rows of {', '.join(column.heading for column in self.columns)}>"

    def _repr_html_(self) -> str:
        return self.html()

    def __rich_console__(self, console: "Console", options: "ConsoleOptions") -> "Iterator[RenderableType]":
        # Into a pipe or a file, a note is one line, as other programs expect it.
        yield from renderables(self, options.max_width, wrap=console.is_terminal)
