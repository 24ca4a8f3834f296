"""What do the rows of `lr_find.py` say, in a table and a picture?

`python benchmarks/lr_find_page.py` reads the rows and writes the page beside them and the picture of the docs.
"""

import argparse
import json
from collections.abc import Iterator
from pathlib import Path
from statistics import mean

import matplotlib as mpl
from lr_find import EPOCHS, SETTINGS, grid_of
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from measured import Row, described
from t_interval import half_width, interval

from batchnorm.files import atomic_write

CHANCE = 10.0
"""Percent right where a training diverged."""
CLOSE = 1.0
"""Points below the best rate of the grid that are no great loss."""
BLUE, GREY, GREEN = "#2563a8", "#8a8f98", "#1e8e3e"
WORDS = """\
# Suggested learning rates, beside a grid

Output of `benchmarks/lr_find.py` and `benchmarks/lr_find_page.py`, which say how. {epochs} epochs of the bundled
10,000 images, tested on the bundled 2,000; {seeds} seeds; ± is half of a 95 % t interval over the seeds. The grid has
rates half a decade apart; its best one is that with the highest mean, and good ones are at most {close:g} point below.
A training that diverged counts as {chance:g} %."""

Accuracies = dict[str, dict[float, dict[int, float]]]
"""Percent of the test images, by setting, rate of the grid, and seed."""
Found = dict[str, dict[int, tuple[float, float]]]
"""By setting and seed the suggestion, and the percent at it."""


def read(path: Path) -> tuple[Row, Accuracies, Found, list[int]]:
    """Return what stands above the rows, the accuracies of the seeds that have all of them, and these seeds."""
    head = json.loads(path.read_text(encoding="utf-8"))
    rows = head.pop("rows")
    found: Found = {setting: {} for setting in SETTINGS}
    grid: Accuracies = {setting: {lr: {} for lr in grid_of(setting)} for setting in SETTINGS}
    for row in rows:
        accuracy = CHANCE if row["accuracy"] is None else 100 * row["accuracy"]
        if row["by"] == "grid":
            grid[row["setting"]][row["lr"]][row["seed"]] = accuracy
        else:
            found[row["setting"]][row["seed"]] = row["lr"], accuracy
    every = [*found.values(), *(seeds for rates in grid.values() for seeds in rates.values())]
    return head, grid, found, sorted(set.intersection(*({*seeds} for seeds in every)))


def best_rate(grid: dict[float, dict[int, float]], seeds: list[int]) -> float:
    """Return the rate of the grid with the highest mean."""
    return max(grid, key=lambda lr: mean(grid[lr][seed] for seed in seeds))


def table(grid: Accuracies, found: Found, seeds: list[int]) -> Iterator[str]:
    """Give a row for each setting."""
    yield "| | suggested | accuracy, % | best of the grid | accuracy, % | suggested less best | good rates |"
    yield "|---|---|---|---|---|---|---|"
    for setting in SETTINGS:
        rates = [found[setting][seed][0] for seed in seeds]
        there = [found[setting][seed][1] for seed in seeds]
        best = best_rate(grid[setting], seeds)
        highest = [grid[setting][best][seed] for seed in seeds]
        good = [lr for lr, some in grid[setting].items() if mean(some[seed] for seed in seeds) >= mean(highest) - CLOSE]
        less = interval([one - other for one, other in zip(there, highest, strict=True)])
        cells = (_reach(rates), interval(there), f"{best:.2g}", interval(highest), less, _reach(good))
        yield f"| {setting} | {' | '.join(cells)} |"


def _reach(rates: list[float]) -> str:
    return f"{min(rates):.2g} to {max(rates):.2g}"


def draw(grid: Accuracies, found: Found, seeds: list[int], path: Path) -> None:
    """Draw a panel for each setting: the accuracy over the rate, and the suggestions."""
    with mpl.rc_context({"svg.hashsalt": "batchnorm", "svg.fonttype": "none", "font.size": 9}):
        figure = Figure(figsize=(9.5, 5.6), dpi=130, layout="constrained")
        panels = [*figure.subplots(2, 3).flat]
        for axes, setting in zip(panels, SETTINGS, strict=False):
            _panel(axes, grid[setting], found[setting], seeds)
            axes.set_title(setting, loc="left", fontweight="bold")
        legend = panels[len(SETTINGS)]
        legend.axis("off")
        legend.legend(*panels[0].get_legend_handles_labels(), loc="center left", frameon=False)
        panels[0].set_ylabel("test accuracy, %")
        panels[3].set_ylabel("test accuracy, %")
        with atomic_write(path) as file:
            figure.savefig(file, format=path.suffix[1:], metadata={"Date": None} if path.suffix == ".svg" else None)


def _panel(
    axes: Axes, grid: dict[float, dict[int, float]], found: dict[int, tuple[float, float]], seeds: list[int]
) -> None:
    rates = sorted(grid)
    means = [mean(grid[lr][seed] for seed in seeds) for lr in rates]
    widths = [half_width([grid[lr][seed] for seed in seeds]) for lr in rates]
    axes.errorbar(
        rates, means, widths, fmt="o-", color=BLUE, capsize=3, markersize=4, label="grid: mean, 95 % interval"
    )
    axes.plot(
        *zip(*(found[seed] for seed in seeds), strict=True),
        "D",
        color=GREEN,
        markersize=5,
        label="suggestion, per seed",
    )
    axes.set_xscale("log")
    top = max(means)
    axes.set_ylim(top - 20, top + 2)
    axes.set_xlabel("peak learning rate")
    axes.grid(alpha=0.3)
    axes.spines[["top", "right"]].set_visible(False)


def main() -> None:
    """Read the rows; write the page and the picture."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=Path, default=Path("benchmarks/results/lr_find.json"))
    parser.add_argument("--picture", type=Path, default=Path("docs/images/lr_find.svg"))
    given = parser.parse_args()
    head, grid, found, seeds = read(given.rows)
    words = WORDS.format(epochs=EPOCHS, seeds=len(seeds), chance=CHANCE, close=CLOSE)
    lines = [words, "", *described(head), "", *table(grid, found, seeds)]
    with atomic_write(given.rows.with_suffix(".md"), "w") as file:
        file.write("\n".join(lines) + "\n")
    draw(grid, found, seeds, given.picture)


if __name__ == "__main__":
    main()
