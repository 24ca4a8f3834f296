"""What does an evaluation come to, in cells? The modes, every class, and which classes are taken for which."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from ..tables import NONE, Cell, Column, Table, decimals

if TYPE_CHECKING:
    from ._training import Evaluation, Scores

MOST_CLASSES = 12
"""Classes up to which a confusion matrix has room in a terminal."""
MOST_PAIRS = 20


def evaluation_tables(record: "Evaluation") -> dict[str, Table]:
    """Return the modes, the classes, the confusion matrix."""
    return {"modes": _modes(record), **scores_tables(record.running)}


def scores_tables(scores: "Scores") -> dict[str, Table]:
    """Return the classes, the confusion matrix."""
    few = len(scores.classes) <= MOST_CLASSES
    return {"classes": _classes(scores), "confusion": _matrix(scores) if few else _pairs(scores)}


def _modes(record: "Evaluation") -> Table:
    columns = (Column("normalized by", "left"), Column("loss"), Column("accuracy"))
    running, batch = record.running, record.batch
    name = "running statistics"
    if batch is None:
        name = "nothing: the norms are folded" if record.folded else "nothing: there is no batch norm"
    rows = [(name, decimals(running.loss), decimals(running.accuracy))]
    if batch is not None:
        rows.append((f"each batch's own ({record.batch_size})", decimals(batch.loss), decimals(batch.accuracy)))
        gaps = batch.loss - running.loss, batch.accuracy - running.accuracy
        rows.append(("gap", f"{gaps[0]:+.4f}", f"{gaps[1]:+.4f}"))
    images = f"{running.images:,} {record.split} images of {record.data}"
    return Table(columns, tuple(rows), f"{record.run} on {images}")


def _classes(scores: "Scores") -> Table:
    columns = (Column("class", "left", wrap=True), *map(Column, ("precision", "recall", "F1", "images")))
    rows = tuple(
        (one.name, decimals(one.precision, 3), decimals(one.recall, 3), decimals(one.f1, 3), f"{one.support:,}")
        for one in scores.classes
    )
    return Table(columns, rows, "by class")


def _matrix(scores: "Scores") -> Table:
    """Rows are the true classes, columns the predicted ones; the same numbers stand at both."""
    columns = (Column("true ↓  predicted →", "left", wrap=True), *(Column(str(n)) for n in range(len(scores.classes))))
    rows: tuple[tuple[Cell | str, ...], ...] = tuple(
        (f"{number} {one.name}", *_counts(number, row))
        for number, (one, row) in enumerate(zip(scores.classes, scores.confusion, strict=True))
    )
    return Table(columns, rows, "confusion matrix: how many images of each true class were taken for which")


def _counts(number: int, row: tuple[int, ...]) -> Iterator[Cell]:
    for column, count in enumerate(row):
        yield Cell(str(count) if count else "·", "good" if column == number else "" if count else "faint")


def _pairs(scores: "Scores") -> Table:
    """The most frequent mistakes: a matrix of many classes has no room in a terminal."""
    names = [one.name for one in scores.classes]
    mistakes = [
        (count, true, predicted)
        for true, row in enumerate(scores.confusion)
        for predicted, count in enumerate(row)
        if count and true != predicted
    ]
    mistakes.sort(key=lambda mistake: (-mistake[0], mistake[1:]))
    rows = tuple(
        (names[true], names[predicted], f"{count:,}", _share(count, sum(scores.confusion[true])))
        for count, true, predicted in mistakes[:MOST_PAIRS]
    )
    columns = (
        Column("true", "left", wrap=True),
        Column("predicted", "left", wrap=True),
        Column("images"),
        Column("of the true class"),
    )
    more = len(mistakes) - len(rows)
    notes = (f"and {more:,} more pairs",) if more > 0 else ()
    return Table(columns, rows, f"confusions: the most frequent of {len(mistakes):,} pairs", notes)


def _share(count: int, total: int) -> str:
    return f"{count / total:.1%}" if total else NONE
