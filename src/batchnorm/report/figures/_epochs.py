"""How has a training gone, epoch by epoch? A panel each for loss, accuracy and learning rate."""

from collections.abc import Iterator

import altair as alt

from ...records import EpochRecord, RunHistory
from ._drawing import Drawing, Row, View, coloured, without_hidden
from ._numbers import rounded
from ._panels import BESIDE, PANEL, panels

_HEIGHT = 200
_FEW = 40
_TRAINING, _VALIDATION, _TEST = "training images", "validation images", "test images"
_LOSS, _ACCURACY, _RATE = "loss (cross entropy)", "accuracy, %", "learning rate, at the epoch's end"


def epochs(history: RunHistory) -> Drawing | None:
    """Draw loss, accuracy and learning rate by epoch; None before the first epoch has ended."""
    rows = [row for epoch in history.epochs for row in _rows(epoch)]
    if not rows:
        return None
    rows += _tested(history)
    legend = tuple(name for name in (_TRAINING, _VALIDATION, _TEST) if any(row["arm"] == name for row in rows))
    view = _view(legend, dots=len(history.epochs) <= _FEW).properties(width=PANEL, height=_HEIGHT)
    faceted = panels(view, rows, "panel").resolve_scale(y="independent")
    last = history.epochs[-1]
    words = f"Loss, accuracy and learning rate of {len(history.epochs)} epochs. {_end(last)}"
    notes = ["Those of the training images were measured while the weights moved."]
    notes += ["The test images were looked at once, at the end."] if history.result is not None else []
    names = {"arm": "images", "x": "epoch", "panel": "measure"}
    return Drawing(faceted, rows, words, legend, (*notes,), PANEL + BESIDE, names)


def _rows(epoch: EpochRecord) -> Iterator[Row]:
    # Of an epoch that is older than the loss without label smoothing there is only the one with it.
    loss = epoch.train_loss if epoch.train_plain_loss is None else epoch.train_plain_loss
    yield _row(_LOSS, _TRAINING, epoch.epoch, loss)
    if epoch.val_loss is not None:
        yield _row(_LOSS, _VALIDATION, epoch.epoch, epoch.val_loss)
    yield _row(_ACCURACY, _TRAINING, epoch.epoch, 100 * epoch.train_accuracy)
    if epoch.val_accuracy is not None:
        yield _row(_ACCURACY, _VALIDATION, epoch.epoch, 100 * epoch.val_accuracy)
    yield _row(_RATE, _TRAINING, epoch.epoch, epoch.lr)


def _tested(history: RunHistory) -> list[Row]:
    if history.result is None:
        return []
    at = history.result.kept_epoch or history.result.epochs
    loss, accuracy = history.result.test_loss, history.result.test_accuracy
    return [_row(_LOSS, _TEST, at, loss), _row(_ACCURACY, _TEST, at, 100 * accuracy)]


def _row(panel: str, arm: str, epoch: int, value: float) -> Row:
    return {"panel": panel, "arm": arm, "x": epoch, "value": rounded(value)}


def _view(legend: tuple[str, ...], *, dots: bool) -> View:
    x = alt.X(
        "x:Q",
        title="epoch",
        scale=alt.Scale(zero=False, nice=False),
        axis=alt.Axis(grid=False, tickMinStep=1, format="d"),
    )
    y = alt.Y("value:Q", title=None, scale=alt.Scale(zero=False), axis=alt.Axis(tickCount=5))
    tooltip = [
        alt.Tooltip("arm:N", title="images"),
        alt.Tooltip("x:Q", title="epoch"),
        alt.Tooltip("value:Q", format=".4~g"),
    ]
    whole = without_hidden(alt.Chart())
    lines = whole.transform_filter(alt.datum.arm != _TEST).mark_line(strokeWidth=2)
    seen = whole.transform_filter(alt.datum.arm != _TEST).mark_point(filled=True, size=30, opacity=1 if dots else 0)
    test = whole.transform_filter(alt.datum.arm == _TEST).mark_point(filled=True, shape="diamond", size=110)
    colours = coloured(legend)
    return alt.layer(
        lines.encode(x=x, y=y, **colours),
        seen.encode(x=x, y=y, tooltip=tooltip, **colours),
        test.encode(x=x, y=y, tooltip=tooltip, **colours),
    )


def _end(epoch: EpochRecord) -> str:
    measured = "training" if epoch.val_accuracy is None else "validation"
    accuracy = epoch.train_accuracy if epoch.val_accuracy is None else epoch.val_accuracy
    return f"In the last one {100 * accuracy:.4g} % of the {measured} images were right."
