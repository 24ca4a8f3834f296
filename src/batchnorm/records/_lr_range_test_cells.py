"""What does a learning-rate range test come to, in cells and words?"""

from typing import TYPE_CHECKING

from ..tables import Cell, Column, Table, counted, decimals

if TYPE_CHECKING:
    from ._lr_range_test import LRRangeTest

ENDINGS = {
    "last rate": "the highest rate was reached",
    "risen": "the loss had risen far above its lowest value",
    "not finite": "the loss was not finite any more",
}


def rates_table(record: "LRRangeTest") -> Table:
    """Return a row for the suggestion, and for each of the rates beside it, with the smoothed loss there."""
    columns = (Column("", "left"), Column("learning rate"), Column("smoothed loss"))
    rows: list[tuple[Cell | str, ...]] = []
    if record.suggestion is not None:
        rows.append(
            (Cell("suggestion", "good"), Cell(rate_text(record.suggestion), "good"), _loss(record, "suggestion"))
        )
    rows += [
        (words, rate_text(rate), _loss(record, name))
        for name, words in (("fallen", "95 % of the fall"), ("lowest", "lowest loss"))
        if (rate := getattr(record, name)) is not None
    ]
    of = "" if record.data is None else f" on {record.data}"
    title = f"{record.model}{of}, {record.optimizer}, batches of {record.batch_size:,}"
    return Table(columns, tuple(rows), title, (_tried(record), *_problem(record), *record.notes))


def summary_line(record: "LRRangeTest") -> str:
    """Return the suggestion and how it was found, or why there is none."""
    if record.suggestion is None:
        return f"no learning rate can be suggested: {record.problem}"
    return f"learning rate {rate_text(record.suggestion)}, by a range test of {counted(len(record.steps), 'step')}"


def rate_text(rate: float) -> str:
    """Return a learning rate as it is typed.

    Example:
        >>> rate_text(0.0034), rate_text(1e-06), rate_text(3.0)
        ('0.0034', '1e-06', '3')
    """
    return f"{rate:.3g}"


def _loss(record: "LRRangeTest", name: str) -> str:
    """Return the smoothed loss at the first step whose rate is not below that one."""
    rate = getattr(record, name)
    return decimals(next((step.smoothed for step in record.steps if step.lr >= rate), None))


def _tried(record: "LRRangeTest") -> str:
    rates = [step.lr for step in record.steps]
    reach = f", from {rate_text(rates[0])} up to {rate_text(rates[-1])}" if rates else ""
    return f"{counted(len(rates), 'step')}{reach}: {ENDINGS[record.ended]}"


def _problem(record: "LRRangeTest") -> tuple[str, ...]:
    return () if record.suggestion is not None else (summary_line(record),)
