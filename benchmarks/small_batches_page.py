"""What do the rows of `small_batches.py` say, in tables and a picture?

`python benchmarks/small_batches_page.py` reads the rows and writes the page beside them and the picture of the docs.
"""

import argparse
import json
from collections.abc import Iterator
from pathlib import Path
from statistics import mean

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from measured import Row, described
from small_batches import BATCHES, EPOCHS, KINDS, config
from t_interval import half_width, interval

from batchnorm.files import atomic_write

Accuracies = dict[tuple[int, str], dict[int, float]]
"""Percent of the test images, by batch and kind, and then by seed; no entry where a training diverged."""
BLUE, GREY = "#2563a8", "#8a8f98"
MOST = 1.4
"""Points of a difference that the picture has room for."""
WORDS = """\
# Small batches, by five kinds of batch norm

Output of `benchmarks/small_batches.py` and `benchmarks/small_batches_page.py`, which say how. ConvBNNet, {epochs}
epochs of the bundled 10,000 images, tested on the bundled 2,000; {seeds} seeds, the same for every kind; ± is half of
a 95 % t interval over the seeds. The seconds of the rows are those of a machine that did other work meanwhile."""
DIFFERENCES = """\
The same less plain batch norm, seed by seed, in points. A difference is supported where its interval does not hold 0.
Among twelve differences that are none, that is to be expected of one in about every other table."""


def read(path: Path) -> tuple[Row, Accuracies, int]:
    """Return what stands above the rows, the accuracies of the seeds that all kinds have, and how many diverged."""
    head = json.loads(path.read_text(encoding="utf-8"))
    rows = head.pop("rows")
    found: dict[tuple[int, str], dict[int, Row]] = {}
    for row in rows:
        found.setdefault((row["batch"], row["kind"]), {})[row["seed"]] = row
    cells = [(batch, kind) for batch in BATCHES for kind in KINDS]
    whole = set.intersection(*({*found.get(cell, {})} for cell in cells))
    kept: Accuracies = {
        cell: {
            seed: 100 * row["accuracy"]
            for seed, row in sorted(found[cell].items())
            if seed in whole and row["accuracy"]
        }
        for cell in cells
    }
    return head, kept, len(whole)


def differences(found: Accuracies, batch: int, kind: str) -> list[float]:
    """Return a kind's accuracy less plain's, for each seed that has both."""
    one, plain = found[batch, kind], found[batch, "plain"]
    return [one[seed] - plain[seed] for seed in one if seed in plain]


def verdict(values: list[float]) -> str:
    """Say what the interval of a paired difference supports."""
    if abs(mean(values)) <= half_width(values):
        return "not supported"
    return "better" if mean(values) > 0 else "worse"


def table(header: str, cells: dict[str, list[str]]) -> Iterator[str]:
    """Give a row for each kind, with a cell for each batch."""
    yield f"| {header} | {' | '.join(f'batches of {batch}' for batch in BATCHES)} |"
    yield f"|---|{'---|' * len(BATCHES)}"
    for kind, row in cells.items():
        yield f"| {kind} | {' | '.join(row)} |"


def accuracy_cell(found: dict[int, float], seeds: int) -> str:
    """Return mean and interval, and how many trainings diverged."""
    diverged = f" ({seeds - len(found)} diverged)" if len(found) < seeds else ""
    return f"{interval([*found.values()])}{diverged}"


def difference_cell(values: list[float]) -> str:
    """Return mean and interval of the difference, in how many seeds it was positive, and what is supported."""
    positive = sum(value > 0 for value in values)
    return f"{interval(values).replace('-0.00', '0.00')}, {positive} of {len(values)} up: {verdict(values)}"


def tables(found: Accuracies, seeds: int) -> Iterator[str]:
    """Give both tables, ready for any page."""
    yield from table("test accuracy, %", {k: [accuracy_cell(found[b, k], seeds) for b in BATCHES] for k in KINDS})
    yield from ("", DIFFERENCES, "")
    yield from table(
        "less plain", {k: [difference_cell(differences(found, b, k)) for b in BATCHES] for k in KINDS if k != "plain"}
    )


def options() -> Iterator[str]:
    """Give what each training was told, but for the seed."""
    yield from ("What they were told, beside the defaults:", "")
    for batch in BATCHES:
        plain = config("plain", batch, 0)
        yield (
            f"- batches of {batch}: `lr={plain.lr:g}`, `clip_norm={plain.clip_norm:g}`; ghost "
            f"`{config('ghost', batch, 0).moments}`, renorm `{config('renorm', batch, 0).moments}`, population "
            f"`refresh={config('population', batch, 0).refresh}`, frozen late "
            f'`freeze_norms="{config("frozen late", batch, 0).freeze_norms}"`'
        )


def draw(found: Accuracies, path: Path) -> None:
    """Draw a column for each batch: above the accuracies, on one scale, below what differs from plain batch norm."""
    with mpl.rc_context({"svg.hashsalt": "batchnorm", "svg.fonttype": "none", "font.size": 9}):
        figure = Figure(figsize=(9.5, 5.6), dpi=130, layout="constrained")
        above, below = figure.subplots(2, len(BATCHES), sharey="row", height_ratios=(3, 2))
        for axes, batch in zip(above, BATCHES, strict=True):
            for seed in found[batch, "plain"]:
                line = [
                    (place, found[batch, kind][seed]) for place, kind in enumerate(KINDS) if seed in found[batch, kind]
                ]
                axes.plot(*zip(*line, strict=True), color=GREY, linewidth=0.7, alpha=0.6)
            _dots(axes, [[*found[batch, kind].values()] for kind in KINDS])
            axes.set_title(f"batches of {batch}", loc="left", fontweight="bold")
        for axes, batch in zip(below, BATCHES, strict=True):
            axes.axhline(0, color=GREY, linewidth=0.8)
            _dots(axes, [differences(found, batch, kind) if kind != "plain" else [] for kind in KINDS])
            axes.set_ylim(-MOST, MOST)
        above[0].set_ylabel("test accuracy, %")
        below[0].set_ylabel("less plain, points")
        with atomic_write(path) as file:
            figure.savefig(file, format=path.suffix[1:], metadata={"Date": None} if path.suffix == ".svg" else None)


def _dots(axes: Axes, values: list[list[float]]) -> None:
    """Draw mean and interval of each kind; a difference beyond the axis is written down at its end."""
    for place, some in enumerate(values):
        if some and mean(some) < -MOST:
            axes.annotate(
                f"{interval(some)}\n↓".replace("-", "\N{MINUS SIGN}"),
                (place, -MOST),
                ha="center",
                va="bottom",
                color=BLUE,
                fontsize=8,
            )
        elif some:
            axes.errorbar(place, mean(some), half_width(some), fmt="o", color=BLUE, capsize=3)
    axes.set_xticks(range(len(KINDS)), [kind.replace(" ", "\n") for kind in KINDS], fontsize=8)
    axes.set_xlim(-0.5, len(KINDS) - 0.5)
    axes.grid(axis="y", alpha=0.3)
    axes.spines[["top", "right"]].set_visible(False)


def main() -> None:
    """Read the rows; write the page and the picture."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=Path, default=Path("benchmarks/results/small_batches.json"))
    parser.add_argument("--picture", type=Path, default=Path("docs/images/small_batches.svg"))
    given = parser.parse_args()
    head, found, seeds = read(given.rows)
    words = WORDS.format(epochs=EPOCHS, seeds=seeds)
    lines = [words, "", *described(head), "", *options(), "", *tables(found, seeds)]
    with atomic_write(given.rows.with_suffix(".md"), "w") as file:
        file.write("\n".join(lines) + "\n")
    draw(found, given.picture)


if __name__ == "__main__":
    main()
