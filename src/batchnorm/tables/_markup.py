"""How does a table look in Markdown, HTML and CSV?"""

import csv
import re
from collections.abc import Iterable, Iterator
from html import escape
from io import StringIO
from typing import TYPE_CHECKING

from ._characters import one_line

if TYPE_CHECKING:
    from ._table import Cell, Column, Table

COLOURS = {"good": "#1a7f37", "warning": "#9a6700", "bad": "#b42318", "faint": "#767676"}
"""On white each has a contrast of at least 4.5 to 1."""

_MARKS = re.compile(r"[\\`*<>\[\]~|&]|(?<![^\W_])_|_(?![^\W_])")
"""What GitHub's Markdown would take for more than the character itself; one `_` inside a word it does not."""


def to_markdown(table: "Table") -> str:
    """Return the table in GitHub's Markdown."""

    def line(cells: Iterable[str]) -> str:
        return f"| {' | '.join(cells)} |"

    head = line(_marked(column.heading) for column in table.columns)
    rule = f"|{'|'.join('--:' if column.justify == 'right' else '---' for column in table.columns)}|"
    body = (line(_marked(cell.text) for cell in row) for row in table.cells)
    above = [f"**{_marked(table.title)}**", ""] if table.title else []
    below = [part for note in table.notes for part in ("", _marked(note))]
    return "\n".join((*above, head, rule, *body, *below))


def to_html(table: "Table") -> str:
    """Return the table as HTML."""
    return "\n".join(_html(table))


def to_csv(table: "Table") -> str:
    """Return headings and rows as comma-separated values, a line each."""
    file = StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(column.heading for column in table.columns)
    writer.writerows([cell.text for cell in row] for row in table.cells)
    return file.getvalue()


def _html(table: "Table") -> Iterator[str]:
    yield "<table>"
    if table.title:
        yield f'<caption style="text-align: left; white-space: nowrap">{_escaped(table.title)}</caption>'
    headings = (f'<th style="text-align: {one.justify}">{_escaped(one.heading)}</th>' for one in table.columns)
    yield f"<thead><tr>{''.join(headings)}</tr></thead>"
    yield "<tbody>"
    for row in table.cells:
        yield f"<tr>{''.join(map(_html_cell, table.columns, row))}</tr>"
    yield "</tbody>"
    yield "</table>"
    yield from (f"<div>{_escaped(note)}</div>" for note in table.notes)


def _html_cell(column: "Column", cell: "Cell") -> str:
    colour = f"; color: {COLOURS[cell.mark]}" if cell.mark else ""
    return f'<td style="text-align: {column.justify}{colour}">{_escaped(cell.text)}</td>'


def _escaped(text: str) -> str:
    return escape(one_line(text))


def _marked(text: str) -> str:
    return _MARKS.sub(r"\\\g<0>", one_line(text))
