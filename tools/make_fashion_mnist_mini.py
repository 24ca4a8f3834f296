"""Make the bundled data set `fashion-mnist-mini` from the full Fashion-MNIST.

Of each class, the first 1,000 training and the first 200 test images in file order are taken, and
they keep that order. The files have the original's names and format. They hold no time and no file
name, so every run gives the same bytes (with zlib; zlib-ng packs the same content differently).

    .venv/bin/python tools/make_fashion_mnist_mini.py [FOLDER]

Without FOLDER the files in the package are written anew; `git status` tells whether they changed.
"""

import gzip
import struct
import sys
from pathlib import Path

import torch
from torch import Tensor

from batchnorm.data import SplitName, get
from batchnorm.files import atomic_write

PACKAGE_FOLDER = Path(__file__).parents[1] / "src/batchnorm/data/fashion_mnist_mini"


def first_of_each_class(labels: Tensor, count: int) -> Tensor:
    """The places of the first `count` labels of each class, in file order."""
    rank_in_class = torch.nn.functional.one_hot(labels).cumsum(0).gather(1, labels[:, None])
    return (rank_in_class[:, 0] <= count).nonzero()[:, 0]


def write_idx(path: Path, values: Tensor) -> None:
    """Write unsigned bytes as a gzipped IDX file that depends on the values alone."""
    header = bytes([0, 0, 8, values.dim()]) + struct.pack(f">{values.dim()}I", *values.shape)
    with (
        atomic_write(path) as raw,
        gzip.GzipFile(filename="", mode="wb", compresslevel=9, fileobj=raw, mtime=0) as file,
    ):
        file.write(header + values.numpy().tobytes())


def make(folder: Path, split: SplitName, prefix: str, per_class: int) -> None:
    """Write the two files of one split."""
    full = get("fashion-mnist").load(split)
    part = full.subset(first_of_each_class(full.labels, per_class))
    write_idx(folder / f"{prefix}-images-idx3-ubyte.gz", part.images.squeeze(1))
    write_idx(folder / f"{prefix}-labels-idx1-ubyte.gz", part.labels.to(torch.uint8))


if __name__ == "__main__":
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else PACKAGE_FOLDER
    make(target, "train", "train", per_class=1_000)
    make(target, "test", "t10k", per_class=200)
    for file in sorted(target.glob("*.gz")):
        print(file, file.stat().st_size)
