"""What does a net that was started with somebody's weights come to, in cells and words?"""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from ..tables import NONE, Cell, Column, Mark, Table, counted, shape_text

if TYPE_CHECKING:
    from ._initialization import Initialization, InitialTensor

MOST_ROWS = 20
"""Tensors that are named one by one; the record has all of them."""
DEEPEST = 3
"""Parts of a name by which tensors are counted together, where fewer would put all of a net into one row."""
_MARKS: dict[str, Mark] = {"new": "warning", "unused": "faint", "summed": "warning"}


def parts_table(record: "Initialization") -> Table:
    """Return a row per part of the net: how many of its tensors, and of their numbers, were taken."""
    columns = (Column("part", "left"), Column("tensors"), Column("taken"), Column("numbers", drop=2), Column("taken"))
    rows = tuple(tuple(_part(name, some)) for name, some in _parts(record).items())
    return Table(columns, rows, summary(record), tuple(_notes(record)))


def left_table(record: "Initialization") -> Table:
    """Return a row per tensor that was not simply taken: its shapes, and why."""
    columns = (
        Column("tensor", "left", wrap=True),
        Column("the net"),
        Column("the weights"),
        Column("why", "left", wrap=True),
    )
    left = [one for one in record.tensors if one.outcome != "taken"]
    more = (f"and {counted(len(left) - MOST_ROWS, 'more tensor')}",) if len(left) > MOST_ROWS else ()
    return Table(columns, tuple(tuple(_left(one)) for one in left[:MOST_ROWS]), notes=more)


def summary(record: "Initialization") -> str:
    """Return one line: how many tensors of the net came from the weights, and what became of the others."""
    total = sum(one.outcome != "unused" for one in record.tensors)
    taken, summed, new, unused = (len(record.named(word)) for word in ("taken", "summed", "new", "unused"))
    said = [f"{taken + summed} of {counted(total, 'tensor')} from {record.init}"]
    said += [f"{summed} of them summed over the colours"] if summed else []
    said += [f"{new} new"] if new else []
    return ", ".join([*said, *([f"{unused} of the weights' unused"] if unused else [])])


def _parts(record: "Initialization") -> Mapping[str, Sequence["InitialTensor"]]:
    """The net's tensors by the beginnings of their names."""
    parts: dict[str, list[InitialTensor]] = {}
    for depth in range(1, DEEPEST + 1):
        parts = {}
        for one in record.tensors:
            if one.outcome != "unused":
                path = one.name.split(".")
                parts.setdefault(".".join(path[: min(depth, max(len(path) - 1, 1))]), []).append(one)
        if len(parts) > 1:
            break
    return parts


def _part(name: str, tensors: Sequence["InitialTensor"]) -> Iterator[Cell]:
    taken = [one for one in tensors if one.outcome != "new"]
    mark: Mark = "" if len(taken) == len(tensors) else "warning"
    for text in (
        name,
        f"{len(tensors):,}",
        f"{len(taken):,}",
        f"{sum(map(_numbers, tensors)):,}",
        f"{sum(map(_numbers, taken)):,}",
    ):
        yield Cell(text, mark)


def _numbers(tensor: "InitialTensor") -> int:
    return math.prod(tensor.shape or ())


def _left(tensor: "InitialTensor") -> Iterator[Cell]:
    why = {"summed": "summed over the three colours", "unused": "the net has none of that name"}
    for text in (
        tensor.name,
        shape_text(tensor.shape),
        shape_text(tensor.given),
        tensor.reason or why.get(tensor.outcome, NONE),
    ):
        yield Cell(text, _MARKS[tensor.outcome])


def _notes(record: "Initialization") -> Iterator[str]:
    if record.inside is not None:
        yield f"the tensors under {record.inside!r} in the file"
    if record.prefix:
        yield f"{record.prefix!r} was taken off their names"
    yield from record.notes
