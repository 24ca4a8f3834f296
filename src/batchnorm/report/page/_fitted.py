"""Which of several ways to hold its records does a page have room for?"""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from ...files import atomic_write
from ..figures import Chart
from ._template import json_inside, page_text

LARGEST = 2_000_000
"""Bytes of a page: what is sent by mail and opened on a phone without a second thought."""

_ASIDE = 2_000
"""Bytes for the tags around the records, and for the words that say what became of them."""


def write_page(
    path: Path | str,
    template: str,
    charts: Sequence[Chart],
    ways: Iterable[tuple[Mapping[str, str], str]],
    **values: Any,
) -> None:
    """Write a page with the first way of its records that there is room for; with the last, if there is for none.

    Args:
        path: the file; it appears whole or not at all.
        template: of the page.
        charts: its figures.
        ways: the JSON of each record by its id in the page, and what a reader should know of it; the best way first.
        values: what else stands in it.

    Raises:
        ImportError: what `batchnorm[report]` brings is not installed.
        OSError: the file cannot be written.
    """
    room = LARGEST - _ASIDE - len(_bytes(page_text(template, charts, **values, records={}, held="")))
    records: Mapping[str, str] = {}
    held = ""
    for records, held in ways:  # noqa: B007  # the last one is used, too
        if sum(len(_bytes(json_inside(record))) for record in records.values()) <= room:
            break
    text = page_text(template, charts, **values, records=records, held=held)
    with atomic_write(path) as file:
        file.write(_bytes(text))


def _bytes(text: str) -> bytes:
    return text.encode(errors="replace")
