"""Which statistics should a net be evaluated with, if it was trained with tiny batches?

`python benchmarks/recalibration_batch_size.py --runs DIR` repeats the layout of Wu and Johnson's Table 2 (2021,
"Rethinking 'Batch' in BatchNorm") on the bundled 10,000 training images: resnet20 trained with batches of 32 and of 2,
several seeds each; then the same weights with other statistics: the running ones of training, `average` over batches
of 2, 10 and 100, and `exact`. The error is that of all 10,000 test images of Fashion-MNIST. Seeds are paired: a seed's
columns differ in nothing but the statistics. A trained seed and a measured column are kept in DIR and not made again.
"""

import argparse
import json
import platform
import sys
from collections.abc import Iterator
from pathlib import Path
from statistics import mean

import matplotlib as mpl
import torch
from matplotlib.figure import Figure
from t_interval import half_width, interval
from torch import Tensor, nn

from batchnorm import __version__, data, recalibrate
from batchnorm.data import Augmentation, Batches
from batchnorm.files import atomic_write
from batchnorm.runs import RunFolder, TrainConfig, differences, load_run
from batchnorm.training import fit, resume

RATES = {32: 0.05, 2: 0.003125}
"""The learning rate for each batch size: in proportion to it, 0.1 at 64 being the default of `batchnorm train`."""
AVERAGED = (2, 10, 100)
"""Batch sizes of the loaders that `average` reads."""
NOTHING = "—"


def trained(batch_size: int, seed: int, given: argparse.Namespace) -> Path:
    """The run folder of one net, trained as far as it is not trained yet."""
    folder: Path = given.runs / f"batch-{batch_size}-seed-{seed}"
    config = TrainConfig(
        model="resnet20",
        epochs=given.epochs,
        batch_size=batch_size,
        lr=RATES[batch_size],
        val_fraction=0.0,
        seed=seed,
        threads=given.threads,
    )
    run = RunFolder(folder)
    if run.config.exists() and (other := differences(config, run.read_config())):
        sys.exit(f"{folder}: expected a run of this config, but it differs in {', '.join(other)}; choose other --runs")
    if run.read_result() is None:
        if run.config.exists():
            resume(folder)
        else:
            fit(config, out=folder)
    return folder


class Loader:
    """The training images in batches, flipped as in training: the same ones every time it is read."""

    def __init__(self, run: Path, batch_size: int) -> None:
        _, card = load_run(run)
        augmentation = Augmentation(flip=True, shift=0)
        images = data.get(card.data).load("train")
        self.batches = Batches(images, batch_size, card.normalization, augmentation=augmentation, shuffle=True)

    def __len__(self) -> int:
        return len(self.batches)

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        return self.batches.epoch(seed=0, epoch=0)


@torch.no_grad()
def error(net: nn.Module, run: Path) -> float:
    """The percentage of wrong answers for the whole test split of Fashion-MNIST."""
    _, card = load_run(run)
    batches = Batches(data.get("fashion-mnist").load("test"), 500, card.normalization)
    net.eval()
    wrong = sum(int((net(images).argmax(1) != labels).sum()) for images, labels in batches)
    return 100 * wrong / batches.images_per_epoch


def measured(run: Path, exact_batch: int) -> dict[str, float]:
    """The error with each column's statistics."""
    kept = run / "recalibration-batch-size.json"
    found: dict[str, float] = json.loads(kept.read_text(encoding="utf-8")) if kept.exists() else {}
    columns = {"running": None, **{f"average, {size}": size for size in AVERAGED}, f"exact, {exact_batch}": exact_batch}
    for column, batch_size in columns.items():
        if column not in found:
            net, _ = load_run(run)
            if batch_size is not None:
                recalibrate(net, Loader(run, batch_size), method="exact" if column.startswith("exact") else "average")
            found[column] = error(net, run)
            with atomic_write(kept, "w") as file:
                json.dump(found, file)
    return {column: found[column] for column in columns}


def print_table(title: str, rows: dict[int, list[dict[str, float]]], subtrahend: str | None) -> None:
    """One line for each batch size of training, one column for each choice of statistics."""
    columns = list(next(iter(rows.values()))[0])
    print(f"\n{title}\n\n| trained with batches of | {' | '.join(columns)} |\n|---{'|---' * len(columns)}|")
    for batch_size, seeds in rows.items():
        values = [[row[column] - (row[subtrahend] if subtrahend else 0) for row in seeds] for column in columns]
        cells = [NOTHING if column == subtrahend else interval(v) for column, v in zip(columns, values, strict=True)]
        print(f"| {batch_size} | {' | '.join(cells)} |")


def draw(path: Path, rows: dict[int, list[dict[str, float]]]) -> None:
    """Error by choice of statistics, a panel for each batch size of training; every seed is a thin line."""
    with mpl.rc_context({"svg.hashsalt": "batchnorm", "svg.fonttype": "none", "font.size": 9}):
        figure = Figure(figsize=(9, 3.6), dpi=130, layout="constrained")
        for axes, (batch_size, seeds) in zip(figure.subplots(1, len(rows)), rows.items(), strict=True):
            columns = list(seeds[0])
            for row in seeds:
                axes.plot(range(len(columns)), list(row.values()), color="#8a8f98", linewidth=0.8, alpha=0.7)
            means = [mean(row[column] for row in seeds) for column in columns]
            halves = [half_width([row[column] for row in seeds]) for column in columns]
            axes.errorbar(range(len(columns)), means, halves, fmt="o", color="#2563a8", capsize=4)
            axes.set_xticks(range(len(columns)), [column.replace(", ", "\nB = ") for column in columns])
            axes.set_title(f"trained with batches of {batch_size}", loc="left", fontweight="bold")
            axes.set_ylabel("test error, %")
            axes.grid(axis="y", alpha=0.3)
            axes.spines[["top", "right"]].set_visible(False)
        with atomic_write(path) as file:
            figure.savefig(file, format=path.suffix[1:], metadata={"Date": None} if path.suffix == ".svg" else None)


def main() -> None:
    """Train, measure, print, draw."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=Path, required=True, help="the folder of the run folders")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2, 3, 4, 5], help="at least two")
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--exact-batch", type=int, default=2, help="batch size of the loader that `exact` reads")
    parser.add_argument("--figure", type=Path, help="an .svg or .png")
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    runs = {size: [trained(size, seed, given) for seed in given.seeds] for size in RATES}
    rows = {size: [measured(run, given.exact_batch) for run in folders] for size, folders in runs.items()}
    print(f"command: python benchmarks/recalibration_batch_size.py {' '.join(sys.argv[1:])}")
    print(f"versions: batchnorm {__version__}, torch {torch.__version__}, python {platform.python_version()}")
    print(f"n = {len(given.seeds)} seeds, {given.epochs} epochs, mean ± 95 % t interval over the seeds")
    print_table("Error on 10,000 test images, %", rows, None)
    print_table("The same less the error with running statistics, seed by seed, points", rows, "running")
    if given.figure:
        draw(given.figure, rows)


if __name__ == "__main__":
    main()
