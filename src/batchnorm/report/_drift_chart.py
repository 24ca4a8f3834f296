"""Which layers' statistics were stale, and how far off? A picture in SVG or PNG."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import InputError
from ..records import STALE, NormRecalibration, Recalibration
from ._figure import written_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_MOST_ROWS = 56
_LEAST = 1e-3
"""Where the axis begins; what is smaller stands there."""

_WRONG = "#c5221f"
_RIGHT = "#2563a8"
_INK = "#202124"
_GREY = "#8a8f98"


def drift_chart(record: Recalibration, path: Path | str) -> None:
    """Draw how far each norm's statistics were from the new ones: a row per norm, in the model's order, from above.

    Left the means, in new sigmas; right the variances, `|log(new / old)|`; both on a logarithmic axis. The dot is the
    average over the channels, the line ends at the worst channel. A dot beyond 0.1 is red, and its norm stale. A tick,
    left, is the standard error of the new mean in its worst channel: below it a drift says nothing. More than 56 norms
    stand in several columns.

    Args:
        record: what `batchnorm.recalibrate` returned.
        path: ends in `.svg` or `.png`; it appears whole or not at all.

    Raises:
        ImportError: matplotlib is not installed.
        InputError: another suffix.
        ValueError: there is no norm in the record.
        OSError: the file cannot be written.

    Example:
        >>> import tempfile
        >>> import torch
        >>> import batchnorm
        >>> record = batchnorm.recalibrate(torch.nn.BatchNorm1d(2), [torch.randn(9, 2)])
        >>> path = Path(tempfile.mkdtemp()) / "drift.png"
        >>> drift_chart(record, path)
        >>> path.read_bytes()[1:4]
        b'PNG'
    """
    if not record.norms:
        raise InputError(argument="record", expected="at least one norm that was recalibrated", got="none")
    columns = _columns(record.norms)
    size = (max(6.4, 5.6 * len(columns)), 1.5 + 0.17 * max(4, *map(len, columns)))
    with written_figure(path, "drift_chart", size, font_size=8) as figure:
        _draw(figure, record, columns)


def _columns(norms: Sequence[NormRecalibration]) -> list[Sequence[NormRecalibration]]:
    """Cut the norms into columns that are equally long, but for the last."""
    count = math.ceil(len(norms) / _MOST_ROWS)
    rows = math.ceil(len(norms) / count)
    return [norms[start : start + rows] for start in range(0, len(norms), rows)]


def _draw(figure: "Figure", record: Recalibration, columns: list[Sequence[NormRecalibration]]) -> None:
    stale = sum(norm.is_stale for norm in record.norms)
    figure.suptitle(
        f"Stale: {stale} of {len(record.norms)} norms, by {record.samples:,} samples ({record.method})",
        fontsize=10,
        x=0.01,
        ha="left",
        fontweight="bold",
    )
    every = figure.subplots(1, 2 * len(columns), squeeze=False, sharex=True)[0]
    highest = _highest(record.norms)
    for place, norms in enumerate(columns):
        means, variances = every[2 * place : 2 * place + 2]
        _panel(means, [_Drift.of_mean(norm) for norm in norms], highest)
        _panel(variances, [_Drift.of_var(norm) for norm in norms], highest)
        _name_rows(means, norms)
        variances.set_yticks([])
        means.set_title("mean, in sigmas", loc="left")
        variances.set_title("variance, |log ratio|", loc="left")
        for axes in (means, variances):
            axes.set_ylim(max(map(len, columns)) - 0.4, -0.6)
    _legend(figure, every[0])


class _Drift:
    """The average and the largest drift of one norm, and the standard error where there is one."""

    def __init__(self, average: float | None, largest: float | None, error: float | None) -> None:
        self.average, self.largest, self.error = average, largest, error
        self.colour = _WRONG if average is None or average > STALE else _RIGHT

    @classmethod
    def of_mean(cls, norm: NormRecalibration) -> "_Drift":
        errors = [error for error in norm.standard_error or () if error is not None]
        return cls(norm.drift_mean_average, norm.drift_mean_max, max(errors, default=None))

    @classmethod
    def of_var(cls, norm: NormRecalibration) -> "_Drift":
        return cls(norm.drift_var_average, norm.drift_var_max, None)


def _highest(norms: Sequence[NormRecalibration]) -> float:
    values = [value for norm in norms for value in (norm.drift_mean_max, norm.drift_var_max) if value is not None]
    return 2 * max([*values, 10 * STALE / 2])


def _panel(axes: "Axes", drifts: Sequence[_Drift], highest: float) -> None:
    axes.set_xscale("log")
    axes.set_xlim(_LEAST / 1.5, highest)
    axes.axvline(STALE, color=_GREY, linewidth=1, linestyle=(0, (4, 3)), zorder=0)
    axes.grid(axis="x", color="#e8eaed", linewidth=0.6)
    axes.set_axisbelow(True)
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.tick_params(axis="x", labelsize=7)
    for row, drift in enumerate(drifts):
        if drift.average is None:
            axes.plot([highest], [row], "x", color=_WRONG, markersize=5, clip_on=False)
            continue
        average = max(drift.average, _LEAST)
        largest = highest if drift.largest is None else max(drift.largest, _LEAST)
        axes.plot([average, largest], [row, row], "-", color=drift.colour, linewidth=1.2, alpha=0.55)
        axes.plot([average], [row], "o", color=drift.colour, markersize=3.6)
        if drift.error is not None:
            axes.plot([max(drift.error, _LEAST)], [row], "|", color=_INK, markersize=5, markeredgewidth=1)


def _name_rows(axes: "Axes", norms: Sequence[NormRecalibration]) -> None:
    # A dollar in a name is a dollar, not the beginning of a formula.
    axes.set_yticks(range(len(norms)), [_shortened(norm.name) for norm in norms], fontsize=7, parse_math=False)
    axes.tick_params(axis="y", length=0)
    for norm, label in zip(norms, axes.get_yticklabels(), strict=True):
        if norm.is_stale:
            label.set_color(_WRONG)
            label.set_fontweight("bold")


def _shortened(name: str, most: int = 34) -> str:
    """Leave out the middle: the block stands at the beginning, the layer at the end; a model may be a norm itself."""
    if not name:
        return "(the model)"
    half = (most - 3) // 2
    return name if len(name) <= most else f"{name[:half]}...{name[-half:]}"


def _legend(figure: "Figure", axes: "Axes") -> None:
    (dot,) = axes.plot([], [], "o-", color=_RIGHT, markersize=3.6, linewidth=1.2)
    (red,) = axes.plot([], [], "o-", color=_WRONG, markersize=3.6, linewidth=1.2)
    (tick,) = axes.plot([], [], "|", color=_INK, markersize=7, markeredgewidth=1)
    (line,) = axes.plot([], [], color=_GREY, linewidth=1, linestyle=(0, (4, 3)))
    figure.legend(
        [dot, red, tick, line],
        [
            "average over the channels, to the worst",
            "stale",
            "standard error of the new mean (worst channel)",
            f"stale beyond {STALE:g}",
        ],
        loc="outside lower left",
        ncols=4 if figure.get_figwidth() > 8 else 2,
        frameon=False,
    )
