"""What does a data set promise, wherever its images come from?"""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

from ._image_size import ImageSize, height_and_width
from ._split import Split

SplitName = Literal["train", "test"]
"""The splits that a data set has."""


@dataclass(frozen=True)
class Download:
    """One file of a data set at its official address.

    Args:
        url: where it lies.
        size: its length in bytes.
        sha256: its SHA-256 in hexadecimal digits: what was fetched is used only if it agrees.
    """

    url: str
    size: int
    sha256: str

    @property
    def filename(self) -> str:
        """The last part of the address, which is the file's name on this machine too."""
        return self.url.rpartition("/")[2]


@dataclass(frozen=True)
class DatasetInfo:
    """What is known about a data set before any file is opened.

    Args:
        name: the name that `get` and `--data` take.
        summary: one line for a table.
        classes: the classes' names; a label is a place in this tuple.
        in_channels: colours of an image: 1 or 3.
        image_size: side of square images in pixels, or (height, width).
        train_size: number of training images.
        test_size: number of test images.
        licence: the licence's short name.
        homepage: where the data set is described.
        flippable: whether an image's mirror image still belongs to its class (clothes: yes,
            digits: no).
        downloads: the files at the official address; empty if there is nothing to fetch.
        debian_package: the Debian package with the files, if there is one.
        smallest_crop: the smallest share of an image that random crops show, where a training does not say: 1 where
            none are made, as for objects that fill their images.
    """

    name: str
    summary: str
    classes: tuple[str, ...]
    in_channels: int
    image_size: ImageSize
    train_size: int
    test_size: int
    licence: str
    homepage: str
    flippable: bool
    downloads: tuple[Download, ...] = ()
    debian_package: str | None = None
    smallest_crop: float = 1.0

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """Shape of an image, (C, H, W)."""
        return self.in_channels, *height_and_width(self.image_size)


class Source(Protocol):
    """A data set: its description, its location, and a method that loads a split.

    This is all that training, evaluation and the command line know of data. A new kind of data (a
    folder of images, CIFAR) is a new class with these three members and an entry in `available`.
    """

    @property
    def info(self) -> DatasetInfo:
        """What is known without opening a file."""

    def locate(self) -> Path | None:
        """The folder where the files lie, or None if they are not here; opens no file."""

    def load(self, split: SplitName) -> Split:
        """Read one split into memory; never fetches anything.

        Raises:
            InputError: the files are missing or broken; the message names them and says what to do.
            ValueError: `split` is neither `"train"` nor `"test"`.
        """
