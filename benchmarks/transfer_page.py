"""What do the rows of `transfer.py` say, in tables and a picture?

`python benchmarks/transfer_page.py` reads the rows and writes the page beside them and the picture of the docs.
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
from small_batches_page import BLUE, GREY, difference_cell
from t_interval import half_width, interval
from transfer import CONDITIONS, EPOCHS, FEATURE_EPOCHS, IMAGES, WAYS

from batchnorm.files import atomic_write

Accuracies = dict[tuple[str, str], dict[int, float]]
"""Percent of the test images, by condition and way, and then by seed."""
REFERENCE = "frozen"
NAMES = {
    "from scratch": "from\nscratch",
    "all trained": "all\ntrained",
    "train": "norms:\ntrain",
    "frozen": "norms:\nfrozen",
    "affine-only": "norms:\naffine-only",
    "recalibrate": "norms:\nrecalibrate",
}
WORDS = """\
# What to do with batch norm when fine-tuning, by four modes

Output of `benchmarks/transfer.py` and `benchmarks/transfer_page.py`, which say how. Features: ResNet-20 of width 8,
{feature_epochs} epochs of seven classes of the bundled images (test accuracy on these: {features} %). Then a head for
the other three classes, {images} images each, {epochs} epochs, tested on their 600 test images; {seeds} seeds, each
with other new classes, the same for every way; ± is half of a 95 % t interval over the seeds. `train`, `frozen`,
`affine-only` and `recalibrate` are what becomes of the norms in features that are frozen; `all trained` starts from
the same features, `from scratch` from random weights."""
DIFFERENCES = """\
The same less `frozen`, seed by seed, in points. A difference is supported where its interval does not hold 0. Among
fifteen differences that are none, that is to be expected of less than one."""


def read(path: Path) -> tuple[Row, Accuracies, list[float]]:
    """Return what stands above the rows, the accuracies of the seeds that all ways have, and those of the features."""
    head = json.loads(path.read_text(encoding="utf-8"))
    rows = head.pop("rows")
    cells = [(condition, way) for condition in CONDITIONS for way in WAYS]
    found: Accuracies = {cell: {} for cell in [*cells, ("features", "features")]}
    for row in rows:
        found[row["condition"], row["way"]][row["seed"]] = 100 * row["accuracy"]
    whole = sorted(set.intersection(*({*seeds} for seeds in found.values())))
    kept = {cell: {seed: seeds[seed] for seed in whole} for cell, seeds in found.items()}
    return head, kept, [*kept.pop(("features", "features")).values()]


def differences(found: Accuracies, condition: str, way: str) -> list[float]:
    """Return a way's accuracy less that of frozen norms, seed by seed."""
    return [one - found[condition, REFERENCE][seed] for seed, one in found[condition, way].items()]


def tables(found: Accuracies) -> Iterator[str]:
    """Give both tables, ready for any page."""
    yield from _table("test accuracy, %", {w: [interval([*found[c, w].values()]) for c in CONDITIONS] for w in WAYS})
    yield from ("", DIFFERENCES, "")
    others = [way for way in WAYS if way != REFERENCE]
    yield from _table(
        f"less {REFERENCE}", {w: [difference_cell(differences(found, c, w)) for c in CONDITIONS] for w in others}
    )


def _table(header: str, cells: dict[str, list[str]]) -> Iterator[str]:
    yield f"| {header} | {' | '.join(CONDITIONS)} |"
    yield f"|---|{'---|' * len(CONDITIONS)}"
    for way, row in cells.items():
        yield f"| {way} | {' | '.join(row)} |"


def draw(found: Accuracies, path: Path) -> None:
    """Draw a column for each condition: above the accuracies, each seed a line, below how far from frozen norms."""
    with mpl.rc_context({"svg.hashsalt": "batchnorm", "svg.fonttype": "none", "font.size": 9}):
        figure = Figure(figsize=(11, 6), dpi=130, layout="constrained")
        above, below = figure.subplots(2, len(CONDITIONS), sharey="row", height_ratios=(3, 2))
        for axes, condition in zip(above, CONDITIONS, strict=True):
            for seed in found[condition, REFERENCE]:
                axes.plot([found[condition, way][seed] for way in WAYS], color=GREY, linewidth=0.7, alpha=0.6)
            _dots(axes, [[*found[condition, way].values()] for way in WAYS])
            axes.set_title(condition, loc="left", fontweight="bold")
        for axes, condition in zip(below, CONDITIONS, strict=True):
            axes.axhline(0, color=GREY, linewidth=0.8)
            _dots(axes, [differences(found, condition, way) if way != REFERENCE else [] for way in WAYS])
        above[0].set_ylabel("test accuracy, %")
        below[0].set_ylabel("less frozen, points")
        with atomic_write(path) as file:
            figure.savefig(file, format=path.suffix[1:], metadata={"Date": None} if path.suffix == ".svg" else None)


def _dots(axes: Axes, values: list[list[float]]) -> None:
    """Draw mean and interval of each way."""
    for place, some in enumerate(values):
        if some:
            axes.errorbar(place, mean(some), half_width(some), fmt="o", color=BLUE, capsize=3)
    axes.set_xticks(range(len(WAYS)), [NAMES[way] for way in WAYS], fontsize=7)
    axes.set_xlim(-0.5, len(WAYS) - 0.5)
    axes.grid(axis="y", alpha=0.3)
    axes.spines[["top", "right"]].set_visible(False)


def main() -> None:
    """Read the rows; write the page and the picture."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=Path, default=Path("benchmarks/results/transfer.json"))
    parser.add_argument("--picture", type=Path, default=Path("docs/images/transfer.svg"))
    given = parser.parse_args()
    head, found, features = read(given.rows)
    words = WORDS.format(
        feature_epochs=FEATURE_EPOCHS,
        features=interval(features),
        images=IMAGES,
        epochs=EPOCHS,
        seeds=len(features),
    )
    lines = [words, "", *described(head), "", *tables(found)]
    with atomic_write(given.rows.with_suffix(".md"), "w") as file:
        file.write("\n".join(lines) + "\n")
    draw(found, given.picture)


if __name__ == "__main__":
    main()
