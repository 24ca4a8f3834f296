"""How have trainings gone, one beside the other? Loss, accuracy and learning rate, as a picture in SVG or PNG."""

import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import InputError, InputTypeError, its_type
from ..records import RunHistory
from ._figure import written_figure
from ._run_names import run_names

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_COLOURS = ("#2563a8", "#d9731a", "#2a8a5c", "#7a4fa3", "#c5221f", "#1a9bb5", "#8a6d3b", "#d6529c")
_INK = "#202124"
_GREY = "#8a8f98"
_FEW_EPOCHS = 25
"""Up to so many, each is a dot."""
_WIDE = 100
"""How many times its smallest value a loss is at its largest, to be drawn on a logarithmic axis."""
_TRAINING: dict[str, Any] = {"linestyle": (0, (3, 2)), "linewidth": 1.0, "alpha": 0.75}
_VALIDATION: dict[str, Any] = {"linestyle": "-", "linewidth": 1.6}
_TEST: dict[str, Any] = {"linestyle": "none", "marker": "D", "markersize": 6, "markerfacecolor": "white", "zorder": 5}


def training_chart(histories: Sequence[RunHistory], path: Path | str) -> None:
    """Draw loss, accuracy and learning rate of trainings by epoch: a panel each, and a colour for each training.

    A solid line is of the validation images, a dashed one of the training images, while the weights were moving: their
    loss without label smoothing, which can be compared, or, if an epoch is older than that number, with it. A diamond
    is of the test images, at the end of a finished training, or at its best epoch if that was kept. The learning rate
    is that of each epoch's last step. The axis of the loss is logarithmic where its largest value is more than 100
    times its smallest.

    Args:
        histories: of trainings that may still be running; of one that has no epoch yet only the name is shown.
        path: ends in `.svg` or `.png`; it appears whole or not at all.

    Raises:
        ImportError: matplotlib is not installed.
        InputError: another suffix, or no training has a whole epoch.
        InputTypeError: these are no histories.
        OSError: the file cannot be written.

    Example:
        >>> import tempfile
        >>> from batchnorm.records import EpochRecord
        >>> epochs = [EpochRecord(n, 79, 1 / n, 1 - 0.5 / n, 1 / n, 1 - 0.6 / n, 0.1, 3.0, 1e3) for n in (1, 2, 3)]
        >>> path = Path(tempfile.mkdtemp()) / "curves.png"
        >>> training_chart([RunHistory("runs/first", tuple(epochs))], path)
        >>> path.read_bytes()[1:4]
        b'PNG'
    """
    given: object = histories
    if not isinstance(given, Sequence) or not all(isinstance(history, RunHistory) for history in given):
        raise InputTypeError(
            argument="histories",
            expected="a list of RunHistory",
            got=its_type(given),
            cure="Read runs with batchnorm.runs.read_history.",
        )
    if not any(history.epochs for history in histories):
        raise InputError(
            argument="histories",
            expected="a training that has finished its first epoch",
            got="none" if not histories else f"{', '.join(run_names(histories))}, without an epoch",
            cure="Wait for it.",
        )
    legend_rows = 1 + (math.ceil(len(histories) / _columns(histories)) if len(histories) > 1 else 0)
    with written_figure(path, "training_chart", (11, 3.5 + 0.2 * legend_rows)) as figure:
        _draw(figure, histories)


def _draw(figure: "Figure", histories: Sequence[RunHistory]) -> None:
    loss, accuracy, rate = panels = figure.subplots(1, 3)
    colours = _colours(len(histories))
    for history, colour in zip(histories, colours, strict=True):
        _curves(loss, history, colour, "loss")
        _curves(accuracy, history, colour, "accuracy")
        _line(rate, history, [epoch.lr for epoch in history.epochs], colour, _VALIDATION)
    for axes, title in zip(
        panels, ("loss (cross entropy)", "accuracy", "learning rate, at the epoch's end"), strict=True
    ):
        _frame(axes, title)
    rate.set_ylim(bottom=0)
    values = [value for line in loss.lines for value in line.get_ydata()]
    if min(values) > 0 and max(values) > _WIDE * min(values):
        loss.set_yscale("log")
    names = [*map(_label, histories, run_names(histories))]
    if len(histories) == 1:
        figure.suptitle(names[0], fontsize=11, fontweight="bold", x=0.01, ha="left", parse_math=False)
    _legends(figure, histories, names, colours)


def _curves(axes: "Axes", history: RunHistory, colour: str, what: str) -> None:
    """Draw what was measured on the training, the validation and the test images."""
    plain = what == "loss" and all(epoch.train_plain_loss is not None for epoch in history.epochs)
    training = "train_plain_loss" if plain else f"train_{what}"
    _line(axes, history, [getattr(epoch, training) for epoch in history.epochs], colour, _TRAINING)
    if any(epoch.val_loss is not None for epoch in history.epochs):
        _line(axes, history, [getattr(epoch, f"val_{what}") for epoch in history.epochs], colour, _VALIDATION)
    if history.result is not None:
        at = history.result.kept_epoch or history.result.epochs
        axes.plot([at], [getattr(history.result, f"test_{what}")], color=colour, **_TEST)


def _line(axes: "Axes", history: RunHistory, values: list[float], colour: str, style: dict[str, Any]) -> None:
    marker = "o" if len(values) <= _FEW_EPOCHS else ""
    axes.plot([epoch.epoch for epoch in history.epochs], values, color=colour, marker=marker, markersize=2.8, **style)


def _frame(axes: "Axes", title: str) -> None:
    from matplotlib.ticker import MaxNLocator

    axes.set_title(title, loc="left", fontsize=9, fontweight="bold")
    axes.set_xlabel("epoch")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    if axes.dataLim.x0 == axes.dataLim.x1:  # of a single epoch there is no range to be shown
        axes.set_xlim(axes.dataLim.x0 - 0.5, axes.dataLim.x1 + 0.5)
    axes.grid(color="#e8eaed", linewidth=0.6)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)


def _colours(count: int) -> list[str]:
    """Tell a few trainings by colours that differ much, many by their place in a row of colours."""
    if count <= len(_COLOURS):
        return [*_COLOURS[:count]]
    from matplotlib import colormaps
    from matplotlib.colors import to_hex

    return [to_hex(colormaps["viridis"](0.95 * place / (count - 1))) for place in range(count)]


def _label(history: RunHistory, name: str) -> str:
    done = len(history.epochs)
    if not done:
        return f"{name} (no epoch yet)"
    if history.is_finished or history.planned is None:
        return name
    return f"{name} (not tested yet)" if done == history.planned else f"{name} ({done} of {history.planned:,} epochs)"


def _legends(figure: "Figure", histories: Sequence[RunHistory], names: Sequence[str], colours: Sequence[str]) -> None:
    """Say what the lines are, and, if there are several trainings, whose each colour is."""
    from matplotlib.lines import Line2D

    one = len(histories) == 1
    kinds: list[Artist] = [*_kinds(histories, colours[0] if one else _GREY)]
    labels = [str(kind.get_label()) for kind in kinds]
    figure.legend(kinds, labels, loc="outside lower left", ncols=3, frameon=False)
    if not one:
        runs = [Line2D([], [], color=colour, linewidth=2.5) for colour in colours]
        legend = figure.legend(runs, names, loc="outside upper left", ncols=_columns(histories), frameon=False)
        for text in legend.get_texts():
            text.set_parse_math(False)


def _kinds(histories: Sequence[RunHistory], colour: str) -> "Iterator[Artist]":
    from matplotlib.lines import Line2D

    if any(epoch.val_loss is not None for history in histories for epoch in history.epochs):
        yield Line2D([], [], color=colour, label="validation images", **_VALIDATION)
    yield Line2D([], [], color=colour, label="training images, while the weights moved", **_TRAINING)
    if any(history.result is not None for history in histories):
        yield Line2D([], [], color=colour, label="test images, at the end", **_TEST)


def _columns(histories: Sequence[RunHistory]) -> int:
    """How many names stand beside each other, so that the longest has room."""
    longest = max(len(_label(history, name)) for history, name in zip(histories, run_names(histories), strict=True))
    return max(1, min(len(histories), 150 // (longest + 8)))
