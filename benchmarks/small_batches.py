"""Which kind of batch norm should a net be trained with if its batches are small?

`python benchmarks/small_batches.py` trains ConvBNNet on the bundled 10,000 images by batches of 2, 8 and 64, with each
of five kinds of batch norm, and tests it on the bundled 2,000: `batchnorm.training.fit` at its defaults, but for these:

- Every training sees the same number of images. The learning rate is in proportion to the batch, 0.1 at 64 (the
  default), so that an epoch moves the weights about as far whatever the batch (Goyal et al. 2017, section 2.1).
- Gradients are clipped to a norm of 1 in all of them, for by the population's statistics alone some trainings diverge.
- ghost: slices of half a batch. renorm: its limits widen over the first half of the steps. population: measured anew
  every 1,280 images. frozen late: the statistics stand still in the last fifth of the steps.

A seed fixes the weights at the start, the order of the images and how they are mirrored, for every kind alike: the
kinds are compared seed by seed. All rows take about forty minutes of one thread. They are kept as they come, so that
the script may be stopped and started again; `small_batches_page.py` makes the page and the picture of them.
"""

import argparse
import shlex
import sys
from pathlib import Path

import measured
from trained import completed, conditions

from batchnorm.runs import TrainConfig

BATCHES = (2, 8, 64)
KINDS = ("plain", "ghost", "renorm", "population", "frozen late")
IMAGES = 10_000
EPOCHS = 4
REFRESH_IMAGES = 1_280


def config(kind: str, batch: int, seed: int) -> TrainConfig:
    """Return the options of one training."""
    steps = EPOCHS * -(-IMAGES // batch)
    own: dict[str, dict[str, object]] = {
        "plain": {},
        "ghost": {"moments": f"ghost:{batch // 2}"},
        "renorm": {"moments": f"renorm:3,5,{steps // 2}"},
        "population": {"moments": "population", "refresh": REFRESH_IMAGES // batch},
        "frozen late": {"freeze_norms": "after:0.8"},
    }
    return TrainConfig(
        epochs=EPOCHS,
        batch_size=batch,
        lr=0.1 * batch / 64,
        clip_norm=1.0,
        val_fraction=0.0,
        seed=seed,
        threads=1,
        **own[kind],
    )


def trained(kind: str, batch: int, seed: int) -> measured.Row:
    """Return what one training came to; no accuracy where it diverged."""
    return completed({"batch": batch, "kind": kind, "seed": seed}, config(kind, batch, seed))


def main() -> None:
    """Train what is not trained yet, seed after seed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=6)
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=list(KINDS))
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/small_batches.json"))
    given = parser.parse_args()
    now, command = conditions(), f"python benchmarks/small_batches.py {shlex.join(sys.argv[1:])}".rstrip()
    rows = measured.read(given.out, now)
    done = {(row["batch"], row["kind"], row["seed"]) for row in rows}
    for seed in range(given.seeds):
        for batch in BATCHES:
            for kind in given.kinds:
                if (batch, kind, seed) not in done:
                    rows.append(trained(kind, batch, seed))
                    measured.write(given.out, now, rows, command)
                    print(rows[-1], file=sys.stderr)


if __name__ == "__main__":
    main()
