"""What did a net do, and what can be done with its norms, for a reader at a terminal?"""

from collections.abc import Iterable, Iterator
from itertools import groupby

from rich.console import Group, RenderableType
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from ..records import WiringOutcome, WiringRecord, WiringRow
from ..report import beside, circumstances, hands_on, headline, parent_of, shape_of, what_to_do

STYLES: dict[WiringOutcome | None, str] = {
    "folded": "green",
    "shift": "yellow",
    "scale-shifted": "yellow",
    "left": "red",
}
HEADINGS = ("module", "kind", "calls", "output", "read by", "the norm")

_WIDEST = (24, 18, 5, 15, 18)
"""What each column but the last may take at most: so there is room for the last one on a terminal of 80 columns."""
_MOST_READERS = 2


def wiring_table(record: WiringRecord) -> Group:
    """Return a row per module, in the order in which they ran, below the path of what they stand in."""
    rows = [row for row in record.rows if not hands_on(row)]
    reasons = reasons_of(rows)
    cells = {row.module: _cells(row, reasons) for row in rows}
    lengths = (tuple(map(_widest, row)) for row in cells.values())
    widths = [max(map(len, column)) for column in zip(HEADINGS, *lengths, strict=True)]
    widths = [min(width, most) for width, most in zip(widths, _WIDEST, strict=False)]
    head = _table(widths)
    head.add_row(*HEADINGS, style="bold")
    parts: list[RenderableType] = [Text(f"{record.model}: {circumstances(record)}"), head, Rule(style="none")]
    for parent, group in groupby(rows, key=lambda row: parent_of(row.module)):
        if parent:
            parts.append(Text(parent, style="bold"))
        table = _table(widths)
        for row in group:
            table.add_row(*map(Text, cells[row.module]), style=STYLES.get(row.outcome))
        parts.append(table)
    return Group(*parts)


def _table(widths: Iterable[int]) -> Table:
    """A part of the table, whose columns are those of the other parts."""
    table = Table(box=None, show_header=False, padding=(0, 1, 0, 0), expand=True, pad_edge=False)
    for heading, width in zip(HEADINGS, widths, strict=False):
        table.add_column(width=width, overflow="fold", justify="right" if heading == "calls" else "left")
    table.add_column(ratio=1, overflow="fold")
    return table


def _cells(row: WiringRow, reasons: dict[str, int]) -> tuple[str, ...]:
    parent = parent_of(row.module)
    module = ("  " if parent else "") + beside(row.module, parent)
    readers = [_shortened(beside(reader, parent), _WIDEST[4]) for reader in row.read_by]
    more = len(readers) - _MOST_READERS
    if more > 1:
        readers = [*readers[:_MOST_READERS], f"and {more} more"]
    number = reasons.get(row.reason or "")
    norm = what_to_do(row) if number is None else f"{what_to_do(row).partition(': ')[0]} ({number})"
    return module, row.kind, str(row.calls), shape_of(row.output), "\n".join(readers) or "-", norm


def _widest(cell: str) -> str:
    return max(cell.splitlines(), key=len, default="")


def reasons_of(rows: Iterable[WiringRow]) -> dict[str, int]:
    """Number the reasons why a norm is not folded: one may hold for many norms, and is longer than a cell."""
    said = (row.reason for row in rows if row.outcome in ("scale-shifted", "left") and row.reason)
    return {reason: number for number, reason in enumerate(dict.fromkeys(said), 1)}


def _shortened(path: str, most: int) -> str:
    """Leave out parts in the middle of a path: the block stands at its beginning, the layer at its end.

    Example:
        >>> _shortened("stage1.1.residual.conv1", 18), _shortened("stage1.1.conv1", 18)
        ('stage1.1…conv1', 'stage1.1.conv1')
    """
    if len(path) <= most:
        return path
    *front, last = path.split(".")
    while len(front) > 1 and len(".".join(front)) + 1 + len(last) > most:
        front.pop()
    short = f"{'.'.join(front)}…{last}"
    return short if len(short) <= most else f"{path[: most // 2]}…{path[-(most - most // 2 - 1) :]}"


def lines(record: WiringRecord) -> Iterator[str]:
    """Yield what stands below the table: the reasons, how many norms fold, what was left out, and notes."""
    rows = [row for row in record.rows if not hands_on(row)]
    for reason, number in reasons_of(rows).items():
        yield f"({number}) {reason}"
    yield headline(record)
    if len(rows) < len(record.rows):
        count = len(record.rows) - len(rows)
        yield f"left out: {count} that hand on what they are given (Identity and the like)"
    yield from record.notes
