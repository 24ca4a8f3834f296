"""How does a table look in Markdown, HTML and CSV?"""

import csv
from collections.abc import Iterator
from html import escape
from io import StringIO
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ._table import Table

COLOURS = {"good": "#1a7f37", "bad": "#b42318", "faint": "#767676"}
"""On white each has a contrast of at least 4.5 to 1."""


def to_markdown(table: "Table") -> str:
    """Return the table in GitHub's Markdown."""

    def line(cells: Iterator[str]) -> str:
        return "| " + " | ".join(cells) + " |"

    lines = [line(_plain(column.heading) for column in table.columns)]
    lines.append(line("--:" if column.justify == "right" else "---" for column in table.columns))
    lines += [line(_plain(cell.text) for cell in row) for row in table.cells]
    above = [f"**{_plain(table.title)}**", ""] if table.title else []
    below = [part for note in table.notes for part in ("", _plain(note))]
    return "\n".join((*above, *lines, *below))


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
        yield f'<caption style="text-align: left">{escape(table.title)}</caption>'
    headings = (f'<th style="text-align: {one.justify}">{escape(one.heading)}</th>' for one in table.columns)
    yield f"<thead><tr>{''.join(headings)}</tr></thead>"
    yield "<tbody>"
    for row in table.cells:
        yield "<tr>"
        for column, cell in zip(table.columns, row, strict=True):
            colour = f"; color: {COLOURS[cell.mark]}" if cell.mark else ""
            yield f'<td style="text-align: {column.justify}{colour}">{escape(cell.text)}</td>'
        yield "</tr>"
    yield "</tbody>"
    yield "</table>"
    yield from (f"<div>{escape(note)}</div>" for note in table.notes)


def _plain(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")
