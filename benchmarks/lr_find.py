"""How good is the learning rate that `batchnorm lr-find` suggests, beside a grid of them?

`python benchmarks/lr_find.py` trains on the bundled 10,000 images and tests on the bundled 2,000, in five settings: a
net, an optimizer, a size of batches. In each, the rates of a grid, half a decade apart, are trained at; then `find_lr`
is asked with the same options and the same seed, and the rate that it suggests is trained at, too.

The rule has constants. Half of the rate at which the smoothed loss has nearly fallen was chosen on seeds 100 to 102 of
the same settings, for at the whole of it a net without norm diverged. The 95 %, the smoothing and the 100 steps were
settled when curves of seeds 0 to 2 and the grid of seed 0 had been seen: to these the seeds of the page are not new.

A seed fixes the weights at the start, the order of the images and how they are mirrored, for every rate alike. All rows
take about half an hour of one thread. They are kept as they come, so that the script may be stopped and started again;
`lr_find_page.py` makes the page and the picture of them.
"""

import argparse
import shlex
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import measured
from trained import completed, conditions

from batchnorm.runs import TrainConfig
from batchnorm.training import find_lr

EPOCHS = 3
SGD_GRID = tuple(10 ** (power / 2) for power in range(-6, 2))
ADAMW_GRID = tuple(10 ** (power / 2) for power in range(-8, 0))
SETTINGS: dict[str, TrainConfig] = {
    "SGD": TrainConfig(),
    "SGD, no norm": TrainConfig(norm="none"),
    "SGD, batches of 256": TrainConfig(batch_size=256),
    "AdamW": TrainConfig(optimizer="adamw"),
    "MLP, SGD": TrainConfig(model="MLP"),
}
"""By what differs from the defaults: ConvBNNet, SGD, batches of 64."""


def grid_of(setting: str) -> tuple[float, ...]:
    """Return the rates to train at: Adam's are smaller by about a decade."""
    return ADAMW_GRID if SETTINGS[setting].optimizer == "adamw" else SGD_GRID


def config(setting: str, seed: int) -> TrainConfig:
    """Return the options of one training, but for the rate."""
    return replace(SETTINGS[setting], epochs=EPOCHS, val_fraction=0.0, seed=seed, threads=1)


def trained(setting: str, seed: int, lr: float, by: str) -> measured.Row:
    """Return what one training came to; no accuracy where it diverged."""
    row: measured.Row = {"setting": setting, "seed": seed, "by": by, "lr": lr}
    return completed(row, replace(config(setting, seed), lr=lr))


def missing(rows: list[measured.Row], seeds: int, settings: list[str]) -> Iterator[measured.Row]:
    """Train what is not trained yet, seed after seed."""
    done = {(row["setting"], row["seed"], row["by"], row["lr"] if row["by"] == "grid" else None) for row in rows}
    for seed in range(seeds):
        for setting in settings:
            for lr in grid_of(setting):
                if (setting, seed, "grid", lr) not in done:
                    yield trained(setting, seed, lr, "grid")
            if (setting, seed, "suggestion", None) not in done:
                yield suggested(setting, seed)


def suggested(setting: str, seed: int) -> measured.Row:
    """Return what the training at the suggestion came to.

    Raises:
        SystemExit: there is none.
    """
    found = find_lr(config(setting, seed))
    if found.suggestion is None:
        sys.exit(f"{setting}, seed {seed}: {found.summary()}")
    return trained(setting, seed, found.suggestion, "suggestion")


def main() -> None:
    """Write each row as it comes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--settings", nargs="+", choices=SETTINGS, default=list(SETTINGS))
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/lr_find.json"))
    given = parser.parse_args()
    now, command = conditions(), f"python benchmarks/lr_find.py {shlex.join(sys.argv[1:])}".rstrip()
    rows = measured.read(given.out, now)
    for row in missing(rows, given.seeds, given.settings):
        rows.append(row)
        measured.write(given.out, now, rows, command)
        print(row, file=sys.stderr)


if __name__ == "__main__":
    main()
