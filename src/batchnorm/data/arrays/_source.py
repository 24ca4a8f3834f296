"""What is a data set whose images are arrays in files, once it is known how they are read?"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

from torch import Tensor

from ...errors import InputError
from .._image_size import as_image_size
from .._images import Images
from .._source import DatasetInfo, SplitName
from .._split import Split

Shape = tuple[int, int, int, int]
"""(N, C, H, W)."""


@dataclass(frozen=True, eq=False)
class ArraySource:
    """A data set in files at a path.

    Args:
        info: what is known of it; its name is the path.
        place: a file, or a folder.
        images: reads the images of a split, uint8 of shape (N, C, H, W), or gives what reads them when needed.
        labels: of each split.
    """

    info: DatasetInfo
    place: Path
    images: Callable[[SplitName], Tensor | Images]
    labels: dict[SplitName, Tensor]

    def locate(self) -> Path | None:
        """The folder where the files lie, or None if they are gone."""
        folder = self.place if self.place.is_dir() else self.place.parent
        return folder if self.place.exists() else None

    def load(self, split: SplitName) -> Split:
        """Read one split; `Source.load` says what is raised."""
        if split not in get_args(SplitName):
            raise InputError(argument="split", expected="'train' or 'test'", got=repr(split))
        images = self.images(split)
        expected = (len(self.labels[split]), *self.info.image_shape)
        if tuple(images.shape) != expected:
            raise InputError(f"{self.place}: its files have changed since they were opened; give the command again")
        return Split(images, self.labels[split])


def array_source(
    place: Path,
    summary: str,
    shapes: dict[SplitName, Shape],
    classes: tuple[str, ...],
    labels: dict[SplitName, Tensor],
    images: Callable[[SplitName], Tensor | Images],
) -> ArraySource:
    """Return the data set at a path.

    Args:
        place: the absolute path.
        summary: one line about it.
        shapes: (N, C, H, W) of each split.
        classes: their names.
        labels: of each split.
        images: reads those of a split.

    Raises:
        InputError: training and test images differ in size or colours, a part has none, or not a label for each.
    """
    for part, shape in shapes.items():
        if not shape[0] or len(labels[part]) != shape[0]:
            expected = "a label for each image" if shape[0] else "at least one image"
            raise InputError(
                f"{place}: expected {expected} in {part}, got {shape[0]} images, {len(labels[part])} labels"
            )
    train, test = shapes["train"], shapes["test"]
    if train[1:] != test[1:] or not min(train[1:]):
        sizes = " and ".join("x".join(map(str, shape[1:])) for shape in (train, test))
        raise InputError(f"{place}: expected images of one size and as many channels in train and test, got {sizes}")
    info = DatasetInfo(
        name=str(place),
        summary=summary,
        classes=classes,
        in_channels=train[1],
        image_size=as_image_size(*train[2:]),
        train_size=train[0],
        test_size=test[0],
        licence="",
        homepage="",
        flippable=False,
    )
    return ArraySource(info, place, images, labels)
