"""Where do the images of Fashion-MNIST come from, all of them or the bundled part?

The data set: Xiao, Rasul, Vollgraf, "Fashion-MNIST: a Novel Image Dataset for Benchmarking Machine
Learning Algorithms", 2017 (https://arxiv.org/abs/1708.07747). Both sets have the same four IDX
files, so one class reads both.
"""

import importlib.resources
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import get_args

import torch

from ..errors import InputError
from ..files import cache_folder
from ._source import DatasetInfo, Download, SplitName
from ._split import Split
from .arrays import read_idx

# Where Debian's package `dataset-fashion-mnist` puts the files.
DEBIAN_FOLDER = Path("/usr/share/datasets/fashion-mnist")

# The official address, as the data set's README gives it.
ADDRESS = "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/"

# The SHA-256 sums are those of the files whose MD5 sums stand in the data set's README. Debian's
# files are these without the name and the time in the gzip header;
# `tests/data/test_official_checksums.py` puts them back and arrives at both sums.
DOWNLOADS = (
    Download(
        ADDRESS + "train-images-idx3-ubyte.gz",
        26_421_880,
        "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
    ),
    Download(
        ADDRESS + "train-labels-idx1-ubyte.gz",
        29_515,
        "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
    ),
    Download(
        ADDRESS + "t10k-images-idx3-ubyte.gz",
        4_422_102,
        "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
    ),
    Download(
        ADDRESS + "t10k-labels-idx1-ubyte.gz",
        5_148,
        "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
    ),
)

_PREFIX = {"train": "train", "test": "t10k"}


@dataclass(frozen=True)
class FashionMnist:
    """Fashion-MNIST in the first of some folders that has all four files.

    Args:
        info: what the set is; its sizes are checked against the files.
        folders: gives the folders to look into; a function, because an environment variable may
            name the first.
        remedy: what to do when files are missing or broken, a sentence with its full stop.
    """

    info: DatasetInfo
    folders: Callable[[], tuple[Path, ...]]
    remedy: str

    def locate(self) -> Path | None:
        """The first folder that has all four files, or None."""
        return next((folder for folder in self.folders() if not _missing(folder)), None)

    def load(self, split: SplitName) -> Split:
        """Read one split; `Source.load` says what is raised."""
        if split not in get_args(SplitName):
            raise InputError(argument="split", expected="'train' or 'test'", got=repr(split))
        folder = self.locate()
        if folder is None:
            raise InputError(self._not_found(), cure=self.remedy)
        try:
            return self._read(folder, split)
        except InputError as error:
            raise InputError((f"data set '{self.info.name}': ", error.fault), cure=self.remedy) from None

    def _read(self, folder: Path, split: SplitName) -> Split:
        images_file, labels_file = (folder / name for name in _filenames(split))
        count = self.info.train_size if split == "train" else self.info.test_size
        images = read_idx(images_file, (count, *self.info.image_shape[1:])).unsqueeze(1)
        labels = read_idx(labels_file, (count,)).to(torch.int64)
        if int(labels.max()) >= len(self.info.classes):
            raise InputError(
                f"{labels_file}: expected labels from 0 to {len(self.info.classes) - 1}, got {int(labels.max())}"
            )
        return Split(images, labels)

    def _not_found(self) -> str:
        places = []
        for folder in self.folders():
            missing = _missing(folder)
            partly = len(missing) < len(_all_filenames())
            places.append(f"{folder} (lacks {', '.join(missing)})" if partly else str(folder))
        return f"data set '{self.info.name}': not found in {' or '.join(places)}"


def _filenames(split: SplitName) -> tuple[str, str]:
    prefix = _PREFIX[split]
    return f"{prefix}-images-idx3-ubyte.gz", f"{prefix}-labels-idx1-ubyte.gz"


def _all_filenames() -> tuple[str, ...]:
    return _filenames("train") + _filenames("test")


def _missing(folder: Path) -> list[str]:
    try:
        return [name for name in _all_filenames() if not (folder / name).is_file()]
    except OSError:  # a folder that may not be read has nothing for us
        return list(_all_filenames())


def _installed_folders() -> tuple[Path, ...]:
    # What was fetched goes before what the system has: it is the cure for a broken system's copy.
    return (cache_folder() / "fashion-mnist", DEBIAN_FOLDER)


def _bundled_folder() -> tuple[Path, ...]:
    # A package inside a zip file has no folders; torch does not run from one either.
    return (Path(str(importlib.resources.files("batchnorm.data"))) / "fashion_mnist_mini",)


_INFO = DatasetInfo(
    name="fashion-mnist",
    summary="small grey photographs of clothes in ten classes",
    classes=(
        "T-shirt/top",
        "Trouser",
        "Pullover",
        "Dress",
        "Coat",
        "Sandal",
        "Shirt",
        "Sneaker",
        "Bag",
        "Ankle boot",
    ),
    in_channels=1,
    image_size=28,
    train_size=60_000,
    test_size=10_000,
    licence="MIT",
    homepage="https://github.com/zalandoresearch/fashion-mnist",
    flippable=True,
    downloads=DOWNLOADS,
    debian_package="dataset-fashion-mnist",
)

FASHION_MNIST = FashionMnist(
    _INFO,
    _installed_folders,
    f"Get it with `batchnorm data fetch {_INFO.name}` or `apt-get install {_INFO.debian_package}`.",
)

FASHION_MNIST_MINI = FashionMnist(
    replace(
        _INFO,
        name="fashion-mnist-mini",
        summary="the first 1,000 training and 200 test images of each class of fashion-mnist",
        train_size=10_000,
        test_size=2_000,
        downloads=(),
        debian_package=None,
    ),
    _bundled_folder,
    "The files are a part of batchnorm: install it again.",
)
