"""How many times faster than PyTorch's calls is each shape, and how much is left? A picture in SVG or PNG."""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import InputError
from ..records import LAYOUTS, Benchmark, LayerRow, family_name, to_json
from ..tables import shape_text
from ._figure import written_figure

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes

_COLOURS = ("#2563a8", "#2a8a5c", "#b3642b", "#7a4fa3")
_FLOOR = "#202124"
_GREY = "#8a8f98"
_DASHES = (0, (4, 3))
_TITLE = "Batch norm with what follows it, training forward and backward: how many times as fast as PyTorch"


def speed_chart(benchmark: Benchmark, path: Path | str) -> None:
    """Draw native / ours of every shape, training forward and backward, tuned allocator: one panel per layout.

    A bar is a ratio of medians; the mark shows where it would end if ours took only the time in which a copy moves the
    bytes of the floor. The same benchmark gives the same SVG with the same matplotlib; it holds the benchmark's digest.

    Args:
        benchmark: what was measured.
        path: ends in `.svg` or `.png`; it appears whole or not at all.

    Raises:
        ImportError: matplotlib is not installed.
        InputError: another suffix.
        ValueError: there are no rows with the tuned allocator.
    """
    rows = [row for row in benchmark.layers if row.allocator == "tuned"]
    if not rows:
        raise InputError(
            argument="benchmark", expected="rows with the tuned allocator", got="none", cure="Measure some layers."
        )
    places = _places(rows)
    size = (9, 1.6 + 0.24 * (1 + max(places.values())))
    with written_figure(path, "speed_chart", size, description=digest(benchmark)) as figure:
        panels = [layout for layout in LAYOUTS if any(row.memory_format == layout for row in rows)]
        every: Sequence[Axes] = figure.subplots(1, len(panels), sharex=True, sharey=True, squeeze=False)[0]
        for axes, layout in zip(every, panels, strict=True):
            _draw(axes, [row for row in rows if row.memory_format == layout], places)
            axes.set_title(LAYOUTS[layout], loc="left", fontweight="bold")
        _finish(every[0], places)
        figure.suptitle(_TITLE, fontsize=11, fontweight="bold", x=0.01, ha="left")
        figure.legend(handles=_legend(), loc="outside lower left", ncols=3, frameon=False)


def digest(benchmark: Benchmark) -> str:
    """Return what the SVG holds about the benchmark that it was drawn from."""
    return "benchmark " + hashlib.sha256(to_json(benchmark, lines=True).encode()).hexdigest()[:16]


def _places(rows: Sequence[LayerRow]) -> dict[tuple[str, tuple[int, ...]], int]:
    """Return the height of every norm and shape, from above; a gap stands before each norm."""
    places: dict[tuple[str, tuple[int, ...]], int] = {}
    names = list(dict.fromkeys(family_name(row) for row in rows))
    for row in sorted(rows, key=lambda row: names.index(family_name(row))):
        name = family_name(row)
        if (name, row.shape) not in places:
            first = all(other != name for other, _ in places)
            places[name, row.shape] = max(places.values(), default=-1) + (2 if first else 1)
    return places


def _draw(axes: "Axes", rows: Sequence[LayerRow], places: dict[tuple[str, tuple[int, ...]], int]) -> None:
    names = list(dict.fromkeys(name for name, _ in places))
    widest = max(row.ratio("both", "native") or 0.0 for row in rows)
    for row in rows:
        ratio, over = row.ratio("both", "native"), row.over_floor("both")
        if ratio is None or over is None:
            continue
        place, colour = places[family_name(row), row.shape], _COLOURS[names.index(family_name(row)) % len(_COLOURS)]
        axes.barh(place, ratio, height=0.72, color=colour)
        # At the foot of the bar, where no mark is, if it has room for a number.
        at, ink = (0.0, "white") if ratio > 0.1 * widest else (ratio, colour)
        axes.text(at, place, f" {ratio:.1f} ", va="center", ha="left", color=ink, fontsize=8)
        axes.plot([ratio * over], [place], "|", color=_FLOOR, markersize=10, markeredgewidth=1.6)
    axes.axvline(1, color=_GREY, linewidth=1, linestyle=_DASHES, zorder=0)


def _legend() -> "list[Artist]":
    """What a bar, a mark and the line are, for who has not read a word of the page."""
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    mark = Line2D([], [], linestyle="none", marker="|", markersize=10, markeredgewidth=1.6, color=_FLOOR)
    mark.set_label("what the speed of a plain copy would give")
    return [
        Patch(color=_COLOURS[0], label="this library (longer is faster)"),
        mark,
        Line2D([], [], color=_GREY, linewidth=1, linestyle=_DASHES, label="PyTorch"),
    ]


def _finish(axes: "Axes", places: dict[tuple[str, tuple[int, ...]], int]) -> None:
    """Name the shapes, and head each norm's; the axis is shared by all panels."""
    heads = {name: place - 1 for (name, _), place in reversed(places.items())}
    ticks = {place: shape_text(shape) for (_, shape), place in places.items()} | {
        place: name for name, place in heads.items()
    }
    axes.set_yticks(list(ticks), list(ticks.values()))
    for place, label in zip(ticks, axes.get_yticklabels(), strict=True):
        if place in heads.values():
            label.set_fontweight("bold")
    axes.set_ylim(max(ticks) + 0.7, min(ticks) - 0.7)
    for panel in axes.figure.axes:
        panel.spines[["top", "right", "left"]].set_visible(False)
        panel.tick_params(axis="y", length=0)
        panel.set_xlim(left=0)
        panel.margins(x=0.12)
        panel.set_xlabel("times as fast as PyTorch")
