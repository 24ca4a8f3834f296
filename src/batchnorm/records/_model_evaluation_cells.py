"""Which cells and words does the evaluation of a model come to?"""

from typing import TYPE_CHECKING

from ..tables import Cell, Column, Table

if TYPE_CHECKING:
    from ._model_evaluation import ModelEvaluation, Numbers


def table_of(said: "ModelEvaluation") -> Table:
    """Return a row for each kind of statistics, and the gap.

    Args:
        said: the record.
    """
    names = tuple(dict.fromkeys((*said.running, *(said.batch or ()), *(said.recalibrated or ()))))
    columns = (Column("normalized by", "left"), *map(Column, names))
    rows = [_row(said.normalized_by, said.running, names)]
    if said.batch is not None:
        rows.append(_row(f"each batch's own ({said.batch_size})", said.batch, names))
    if said.recalibrated is not None:
        rows.append(_row(f"recalibrated ({said.method})", said.recalibrated, names))
    if said.gap is not None:
        rows.append(_row("gap: batch - running", said.gap, names, sign="+"))
    batches = "1 batch" if said.batches == 1 else f"{said.batches:,} batches"
    return Table(columns, tuple(rows), f"{said.model}, {said.samples:,} samples in {batches}", said.notes)


def _row(what: str, numbers: "Numbers", names: tuple[str, ...], sign: str = "") -> tuple[Cell | str, ...]:
    return (what, *(_cell(numbers.get(name), sign) for name in names))


def _cell(value: float | None, sign: str) -> Cell | str:
    if value is None:
        return Cell("not finite" if not sign else "", "bad")
    return f"{value:{sign}.4f}" if value == 0 or 1e-3 <= abs(value) < 1e5 else f"{value:{sign}.3g}"
