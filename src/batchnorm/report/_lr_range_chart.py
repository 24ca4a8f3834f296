"""What does the loss do while the learning rate rises, and which rate is suggested? A picture in SVG or PNG."""

from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import InputError
from ..records import LRRangeTest, rate_text
from ._figure import written_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_CURVE = "#2563a8"
_SUGGESTED = "#1e8e3e"
_GREY = "#8a8f98"
_ABOVE = 0.4
"""How far above where it began a loss is still drawn, in parts of how far it fell; what is higher is not."""


def lr_range_chart(record: LRRangeTest, path: Path | str) -> None:
    """Draw the losses of a learning-rate range test over the rates, on a logarithmic axis, and the suggestion.

    A dot is the loss of a step, the line is smoothed. On it lie two circles: where it had nearly fallen, and where it
    was lowest. Losses far above the first ones leave the picture at its top.

    Args:
        record: what `batchnorm.training.find_lr` returned.
        path: ends in `.svg` or `.png`; it appears whole or not at all.

    Raises:
        ImportError: matplotlib is not installed.
        InputError: another suffix, or no step with a finite loss.
        OSError: the file cannot be written.

    Example:
        >>> import tempfile
        >>> from batchnorm.records import RangeTestStep
        >>> steps = tuple(RangeTestStep(10.0**power, -power, -power) for power in range(-4, 0))
        >>> path = Path(tempfile.mkdtemp()) / "lr.png"
        >>> lr_range_chart(LRRangeTest("MLP", "mine", "sgd", 64, 0.95, steps, "last rate", 0.05, 0.1, 0.1), path)
        >>> path.read_bytes()[1:4]
        b'PNG'
    """
    if all(step.smoothed is None for step in record.steps):
        raise InputError(argument="record", expected="at least one step with a finite loss", got="none")
    with written_figure(path, "lr_range_chart", (7.2, 4.2)) as figure:
        axes = figure.subplots()
        _draw(axes, record)
        title = (
            "No learning rate is suggested"
            if record.suggestion is None
            else f"Suggested learning rate: {rate_text(record.suggestion)}"
        )
        figure.suptitle(title, fontsize=11, fontweight="bold", x=0.01, ha="left")
        of = "" if record.data is None else f" on {record.data}"
        axes.set_title(
            f"{record.model}{of}, {record.optimizer}, batches of {record.batch_size:,}",
            loc="left",
            fontsize=9,
            color=_GREY,
            parse_math=False,
        )


def _draw(axes: "Axes", record: LRRangeTest) -> None:
    points = [
        (step.lr, step.loss, step.smoothed)
        for step in record.steps
        if step.loss is not None and step.smoothed is not None
    ]
    rates, losses, smoothed = (list(numbers) for numbers in zip(*points, strict=True))
    axes.plot(rates, losses, ".", color=_GREY, markersize=4, alpha=0.7, label="loss of a step")
    axes.plot(rates, smoothed, "-", color=_CURVE, linewidth=1.8, label="smoothed")
    for rate, words, filled in ((record.fallen, "95 % of its fall", "white"), (record.lowest, "lowest", _CURVE)):
        if rate is not None:
            height = next((value for at, _, value in points if at >= rate), smoothed[-1])
            axes.plot(rate, height, "o", color=_CURVE, markerfacecolor=filled, markersize=6, label=words)
    if record.suggestion is not None:
        axes.axvline(record.suggestion, color=_SUGGESTED, linewidth=1.8, label="suggestion")
    axes.set_xscale("log")
    axes.set_ylim(*_limits(losses, smoothed))
    axes.set_xlabel("learning rate")
    axes.set_ylabel("training loss")
    axes.grid(color="#e8eaed", linewidth=0.6)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(loc="lower left", frameon=False, fontsize=8)


def _limits(losses: list[float], smoothed: list[float]) -> tuple[float, float]:
    """Return between which losses the picture shows the curve: the fall, and the beginning of the rise."""
    first, lowest = smoothed[0], min(*losses, *smoothed)
    fall = (first - lowest) or abs(first) or 1.0
    return lowest - 0.05 * fall, min(max(smoothed), first + _ABOVE * fall) + 0.05 * fall
