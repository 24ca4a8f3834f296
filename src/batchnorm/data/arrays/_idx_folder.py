"""Which files of a folder are a data set in IDX format, as MNIST and its relatives come?"""

import math
import re
from pathlib import Path
from typing import get_args

from torch import Tensor

from ...errors import InputError
from ...files import half_fits
from .._images import Images
from .._source import SplitName
from ._idx import idx_on_disk, idx_shape, read_idx
from ._labels import numbered
from ._on_disk import read_when_needed
from ._source import ArraySource, Shape, array_source

_NAME = re.compile(r"(.*?)(train|t10k|test)[-_](images|labels)[-_.]idx[1-4][-_.]ubyte(\.gz)?", re.IGNORECASE)
_COLOURS = (1, 3)

Files = dict[tuple[SplitName, str], Path]
"""Images and labels of each split."""


def has_idx(folder: Path) -> bool:
    """Whether a folder has a file that is called as IDX files of data sets are."""
    return any(_NAME.fullmatch(entry.name) for entry in folder.iterdir())


def idx_source(folder: Path, workers: int | None = None) -> ArraySource:
    """Return the data set in a folder's IDX files: `train-images-idx3-ubyte` and three more, packed (`.gz`) or not.

    Images are (N, H, W), grey, or (N, H, W, C); the classes are called by their numbers.

    Args:
        folder: where they lie.
        workers: threads that read ahead what memory does not hold; `None`: as many as pay.

    Raises:
        InputError: a file is missing or cannot be read, or they do not fit together.
    """
    files = _files_in(folder)
    labels = [read_idx(files[part, "labels"]) for part in ("train", "test")]
    where = (str(files["train", "labels"]), str(files["test", "labels"]))
    classes, train, test = numbered(labels[0].numpy(), labels[1].numpy(), None, where)

    def images(part: SplitName) -> Tensor | Images:
        path = files[part, "images"]
        if not half_fits(math.prod(shapes[part])) and (array := idx_on_disk(path)):
            return read_when_needed(array, workers)
        return _channels_first(read_idx(path))

    shapes: dict[SplitName, Shape] = {part: _image_shape(files[part, "images"]) for part in get_args(SplitName)}
    return array_source(folder, f"IDX files in {folder.name}", shapes, classes, {"train": train, "test": test}, images)


def _files_in(folder: Path) -> Files:
    sets: dict[str, Files] = {}
    for path in sorted(folder.iterdir(), key=lambda path: (path.suffix == ".gz", path.name)):
        if (found := _NAME.fullmatch(path.name)) and path.is_file():
            part: SplitName = "train" if found[2].lower() == "train" else "test"
            # One that is not packed goes before its packed twin.
            sets.setdefault(found[1], {}).setdefault((part, found[3].lower()), path)
    if len(sets) != 1:
        raise InputError(
            f"{folder}: expected the IDX files of one data set, got those of {len(sets)}, whose names begin with "
            f"{', '.join(repr(name) for name in sorted(sets)[:5])}",
            cure="Put those that are meant into a folder of their own.",
        )
    (files,) = sets.values()
    lacks = [
        f"{part} {kind}" for part in ("train", "test") for kind in ("images", "labels") if (part, kind) not in files
    ]
    if lacks:
        raise InputError(
            f"{folder}: lacks the IDX files of {', '.join(lacks)}",
            cure="They are called like train-images-idx3-ubyte and t10k-labels-idx1-ubyte, with .gz or without.",
        )
    return files


def _image_shape(path: Path) -> tuple[int, int, int, int]:
    """(N, C, H, W), by the header."""
    match idx_shape(path):
        case (count, height, width):
            return count, 1, height, width
        case (count, height, width, channels) if channels in _COLOURS:
            return count, channels, height, width
        case shape:
            raise InputError(f"{path}: expected images of shape (N, H, W) or (N, H, W, 1 or 3), got {shape}")


def _channels_first(images: Tensor) -> Tensor:
    return images.unsqueeze(1) if images.ndim == 3 else images.permute(0, 3, 1, 2).contiguous()
