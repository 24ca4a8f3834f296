"""What did a model do, and what can be done with its norms, in cells and words?"""

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from ..tables import Cell, Column, Mark, Table, shape_text
from ._wiring_words import beside, circumstances, hands_on, headline, parent_of, what_to_do

if TYPE_CHECKING:
    from ._wiring import WiringOutcome, WiringRecord, WiringRow

_MARKS: "dict[WiringOutcome | None, Mark]" = {
    None: "",
    "folded": "good",
    "shift": "warning",
    "scale-shifted": "warning",
    "left": "bad",
}
_MOST_READERS = 3


def wiring_table(record: "WiringRecord") -> Table:
    """Return a row per module, in the order in which they ran."""
    columns = (
        Column("module", "left", wrap=True),
        Column("kind", "left", drop=2),
        Column("output", "left", drop=1),
        Column("read by", "left", wrap=True),
        Column("the norm", "left", wrap=True),
    )
    rows = [row for row in record.rows if not hands_on(row)]
    reasons = _reasons(rows)
    cells = tuple(tuple(_row(row, reasons)) for row in rows)
    return Table(columns, cells, f"{record.model}: {circumstances(record)}", tuple(_notes(record, reasons)))


def _row(row: "WiringRow", reasons: dict[str, int]) -> Iterator[Cell]:
    number = reasons.get(row.reason or "")
    norm = what_to_do(row) if number is None else f"{what_to_do(row).partition(': ')[0]} ({number})"
    for text in (row.module or "(the model)", kind_of(row), shape_text(row.output), _readers(row), norm):
        yield Cell(text, _MARKS[row.outcome])


def kind_of(row: "WiringRow") -> str:
    """Return a row's class, and how often it was called if that is not once."""
    return row.kind if row.calls == 1 else f"{row.kind} \N{MULTIPLICATION SIGN}{row.calls}"


def _readers(row: "WiringRow") -> str:
    readers = [beside(reader, parent_of(row.module)) for reader in row.read_by]
    more = len(readers) - _MOST_READERS
    if more > 1:
        readers = [*readers[:_MOST_READERS], f"and {more} more"]
    return ", ".join(readers) or "-"


def _reasons(rows: "Iterable[WiringRow]") -> dict[str, int]:
    """Number the reasons why a norm is not folded: one may hold for many norms, and is longer than a cell."""
    said = (row.reason for row in rows if row.outcome in ("scale-shifted", "left") and row.reason)
    return {reason: number for number, reason in enumerate(dict.fromkeys(said), 1)}


def _notes(record: "WiringRecord", reasons: dict[str, int]) -> Iterator[str]:
    """Yield what stands below the table: the reasons, how many norms fold, what was left out, and notes."""
    yield from (f"({number}) {reason}" for reason, number in reasons.items())
    yield headline(record)
    count = sum(map(hands_on, record.rows))
    if count:
        yield f"left out: {count} that hand on what they are given (Identity and the like)"
    yield from record.notes
