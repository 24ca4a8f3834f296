"""What should become of batch norm in features that somebody trained, where a few images of new classes are given?

`python benchmarks/transfer.py` trains a narrow ResNet-20 on seven classes of the bundled images, then a new head for
the other three with 20 images each, the features frozen (`--freeze '*,!fc'`), with each of the four `--norm-mode`s, and
tests it on the 600 test images of the three. Beside them: all of the net trained, from these features and from random
weights.

- A seed fixes which three classes are new, the 20 images of each, the weights at the start, the order and the
  mirroring: all ways of a seed are compared with each other.
- Three conditions: batches of 20, batches of 4, and batches of 20 of images that are inverted, dark for bright, in
  training and test: images of another kind than those of the features.
- The learning rate is in proportion to the batch, as in `small_batches.py`; nothing was searched for.

The rows are kept as they come, so that the script may be stopped and started again; `transfer_page.py` makes the page
and the picture of them.
"""

import argparse
import shlex
import sys
import tempfile
from pathlib import Path

import measured
import torch
from torch.utils.data import TensorDataset
from trained import completed, conditions

from batchnorm import data
from batchnorm.data import Source, SplitName
from batchnorm.runs import TrainConfig
from batchnorm.training import fit

MODES = ("train", "frozen", "affine-only", "recalibrate")
WAYS = ("from scratch", "all trained", *MODES)
CONDITIONS = {"batches of 20": (20, False), "batches of 4": (4, False), "inverted, batches of 20": (20, True)}
NET = {"model": "resnet20", "model_args": {"width": 8}}
NEW = 3
IMAGES = 20
"""Of each new class."""
EPOCHS = 20
FEATURE_EPOCHS = 3


def drawn(seed: int) -> torch.Tensor:
    """Return the classes in an order by the seed; the first three are the new ones."""
    return torch.randperm(10, generator=torch.Generator().manual_seed(seed))


def images_of(classes: torch.Tensor, name: SplitName, *, seed: int, most: int | None, inverted: bool) -> TensorDataset:
    """Return the images of some classes, which are numbered anew, at most so many of each, drawn by the seed."""
    split = data.get("fashion-mnist-mini").load(name)
    order = torch.randperm(len(split), generator=torch.Generator().manual_seed(seed))
    places = [order[split.labels[order] == label][:most] for label in classes]
    labels = torch.cat([torch.full((len(some),), number) for number, some in enumerate(places)])
    images = split.read(torch.cat(places))
    return TensorDataset(255 - images if inverted else images, labels)


def source_of(
    classes: torch.Tensor, name: str, *, seed: int, most: int | None = None, inverted: bool = False
) -> Source:
    """Return some of the classes as a data set."""
    names = data.get("fashion-mnist-mini").info.classes
    train, test = (
        images_of(classes, split, seed=seed, most=count, inverted=inverted)
        for split, count in (("train", most), ("test", None))
    )
    return data.from_datasets(train, test, classes=[names[one] for one in classes], name=name, flippable=True)


def features(seed: int, out: Path) -> measured.Row:
    """Train the features of a seed, and return what they reach on their own seven classes."""
    config = TrainConfig(**NET, epochs=FEATURE_EPOCHS, val_fraction=0.0, seed=seed, threads=1)
    result = fit(config, out=out, source=source_of(drawn(seed)[NEW:], "seven", seed=seed)).result
    return {"condition": "features", "way": "features", "seed": seed, "accuracy": result.test_accuracy}


def config(way: str, batch: int, seed: int, init: Path | None) -> TrainConfig:
    """Return the options of one training on the new classes."""
    frozen = {"freeze": "*,!fc", "norm_mode": way} if way in MODES else {}
    return TrainConfig(
        **NET,
        epochs=EPOCHS,
        batch_size=batch,
        lr=0.05 * batch / 20,
        val_fraction=0.0,
        seed=seed,
        threads=1,
        init=None if way == "from scratch" or init is None else str(init),
        **frozen,
    )


def trained(way: str, condition: str, seed: int, init: Path) -> measured.Row:
    """Return what one training on the new classes came to."""
    batch, inverted = CONDITIONS[condition]
    source = source_of(drawn(seed)[:NEW], "three", seed=seed, most=IMAGES, inverted=inverted)
    return completed({"condition": condition, "way": way, "seed": seed}, config(way, batch, seed, init), source)


def main() -> None:
    """Train what is not trained yet, seed after seed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=12)
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/transfer.json"))
    given = parser.parse_args()
    now, command = conditions(), f"python benchmarks/transfer.py {shlex.join(sys.argv[1:])}".rstrip()
    rows = measured.read(given.out, now)
    done = {(row["condition"], row["way"], row["seed"]) for row in rows}
    wanted = [(condition, way) for condition in CONDITIONS for way in WAYS]
    for seed in range(given.seeds):
        if all((*one, seed) in done for one in wanted):
            continue
        with tempfile.TemporaryDirectory() as folder:
            init = Path(folder) / "seven"
            own = features(seed, init)
            rows += [own] if ("features", "features", seed) not in done else []
            for condition, way in wanted:
                if (condition, way, seed) not in done:
                    rows.append(trained(way, condition, seed, init))
                    measured.write(given.out, now, rows, command)
                    print(rows[-1], file=sys.stderr)


if __name__ == "__main__":
    main()
