"""What do a training and a prediction come to, in cells?"""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from ..tables import NONE, Cell, Column, Table, decimals

if TYPE_CHECKING:
    from ._training import EpochRecord, Prediction, TrainResult


def epochs_table(records: "Sequence[EpochRecord]") -> Table:
    """Return a row per epoch.

    Example:
        >>> from batchnorm.records import EpochRecord
        >>> print(epochs_table([EpochRecord(1, 79, 0.5, 0.8, None, None, 0.1, 3.0, 1e3)]).csv().splitlines()[1])
        1,79,0.5000,0.8000,–,–,0.1,3.0,"1,000"
    """
    columns = (
        Column("epoch"),
        Column("steps", drop=4),
        Column("train loss"),
        Column("accuracy"),
        Column("val loss"),
        Column("accuracy"),
        Column("lr", drop=2),
        Column("seconds", drop=1),
        Column("img/s", drop=3),
    )
    return Table(columns, tuple(tuple(_epoch(record)) for record in records))


def _epoch(record: "EpochRecord") -> Iterator[str]:
    yield from (str(record.epoch), str(record.steps))
    yield from map(decimals, (record.train_loss, record.train_accuracy, record.val_loss, record.val_accuracy))
    yield from (f"{record.lr:.3g}", f"{record.seconds:.1f}", f"{record.images_per_second:,.0f}")


def result_table(record: "TrainResult") -> Table:
    """Return what a training came to, a row per figure."""
    columns = (Column("", "left"), Column("loss"), Column("accuracy"))
    rows = [("test images", decimals(record.test_loss), decimals(record.test_accuracy))]
    if record.val_accuracy is not None:
        rows.append(("validation images", decimals(record.val_loss), decimals(record.val_accuracy)))
    if record.folded_accuracy is not None:
        rows.append((f"test images, {record.folded} norms folded", decimals(None), decimals(record.folded_accuracy)))
    title = f"{record.model}, {record.parameters:,} parameters, on {record.data}: {record.epochs:,} epochs"
    return Table(columns, tuple(rows), title, tuple(_result_notes(record)))


def _result_notes(record: "TrainResult") -> Iterator[str]:
    yield f"{record.steps:,} steps in {record.seconds:,.1f} s, seed {record.seed}; recalibrated: {record.recalibrate}"
    if record.kept_epoch is not None:
        yield f"the model is that of epoch {record.kept_epoch:,}, the best by validation"
    if record.lengthened:
        yield f"went on for longer than planned after step {', '.join(f'{steps:,}' for steps in record.lengthened)}"
    if record.moments != "batch":
        yield f"normalized in training by: {record.moments}"
    if record.refreshes:
        yield f"population statistics: measured {record.refreshes:,} times, in {record.refresh_seconds:,.1f} s of these"
    if record.init is not None:
        yield f"started with the weights of {record.init}"
    if record.freeze is not None:
        which = f"{record.untrained:,} of {record.parameters:,} parameters"
        yield f"not trained: {record.freeze!r} ({which}); the norms in it: {record.norm_mode}"
    if record.frozen_since is not None:
        when = f"after step {record.frozen_since:,}" if record.frozen_since else "from the start"
        yield f"running statistics frozen {when}: {', '.join(record.frozen)}"
    if record.run is not None:
        yield f"the run is in {record.run}"


def predictions_table(predictions: "Sequence[Prediction]") -> Table:
    """Return a row per image: what was seen in it, what else it might be, and, where that is known, what it is."""
    columns = [Column("image", "left", wrap=True), Column("prediction", "left"), Column("then", "left", 1, wrap=True)]
    known = any(prediction.label for prediction in predictions)
    if known:
        columns.append(Column("true", "left"))
    return Table(tuple(columns), tuple(tuple(_prediction(one, known=known)) for one in predictions))


def _prediction(record: "Prediction", *, known: bool) -> Iterator[Cell | str]:
    ranked = [f"{name} {value:.1%}" for name, value in zip(record.classes, record.probabilities, strict=False)]
    yield " ".join([record.image, *(f"({note})" for note in record.notes)])
    yield ranked[0] if ranked else Cell(record.problem or NONE, "bad")
    yield ", ".join(ranked[1:])
    if known:
        yield Cell(record.label or "", "good" if record.label in record.classes[:1] else "bad")
