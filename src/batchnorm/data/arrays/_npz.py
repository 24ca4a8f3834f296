"""How does an `.npz` file with images and labels become a data set?"""

import math
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ...errors import InputError
from ...files import check_unpacked, half_fits, open_regular, refused
from .._images import Images
from .._pixels import bytes_of
from .._source import SplitName
from ._labels import numbered
from ._npy import Header, member_offset, read_array, read_header
from ._on_disk import ArrayOnDisk, mark_of, read_when_needed
from ._source import ArraySource, Shape, array_source

_NAMES = {
    ("train", "images"): ("x_train", "train_images"),
    ("train", "labels"): ("y_train", "train_labels"),
    ("test", "images"): ("x_test", "test_images"),
    ("test", "labels"): ("y_test", "test_labels"),
}
"""What the arrays are called: as Keras does, or as MedMNIST."""
_CLASSES = "classes"
_COLOURS = (1, 3)
_NUMBERS = "uifb"
_PIECE = 2**22
"""Values that are made bytes at a time."""
_ADVICE = "Make it by numpy.savez(path, x_train=..., y_train=..., x_test=..., y_test=...)."


def npz_source(path: Path, workers: int | None = None) -> ArraySource:
    """Return the data set in an `.npz` file with the arrays `x_train`, `y_train`, `x_test` and `y_test`.

    Images are (N, H, W), (N, H, W, C) or (N, C, H, W), bytes or floats as `ToTensor` makes them of bytes; labels are
    numbers or words; `classes`, if there is such an array, are the names of the classes. They are read as they are
    needed, and nothing of the file is taken for code.

    Args:
        path: the file.
        workers: threads that read ahead what memory does not hold; `None`: as many as pay.

    Raises:
        InputError: the file cannot be read, lacks an array, or its arrays do not fit together.
    """
    with _opened(path) as (archive, packed):
        names = _names_in(archive, path)
        headers = {part: read_header(archive, names[part, "images"]) for part in ("train", "test")}
        labels = [_labels(archive, names[part, "labels"], packed) for part in ("train", "test")]
        called = _classes(archive, packed) if f"{_CLASSES}.npy" in archive.namelist() else None
    where = (f"{path}: {names['train', 'labels']}", f"{path}: {names['test', 'labels']}")
    classes, train, test = numbered(labels[0], labels[1], called, where)

    def images(part: SplitName) -> Tensor | Images:
        name = names[part, "images"]
        with _opened(path) as (archive, packed):
            header = read_header(archive, name)
            if not half_fits(math.prod(header.shape)) and (array := _on_disk(archive, path, name, header)):
                return read_when_needed(array, workers)
            check_unpacked(header.size + math.prod(header.shape), packed=packed)
            found = read_array(archive, name, header)
        return _as_images(found, f"{path}: {name}")

    shapes: dict[SplitName, Shape] = {
        "train": _shape(headers["train"], f"{path}: {names['train', 'images']}"),
        "test": _shape(headers["test"], f"{path}: {names['test', 'images']}"),
    }
    return array_source(path, f"arrays in {path.name}", shapes, classes, {"train": train, "test": test}, images)


def _on_disk(archive: zipfile.ZipFile, path: Path, name: str, header: Header) -> ArrayOnDisk | None:
    """Where the images lie, if they can be read one by one: bytes in C order, in an archive that is not packed."""
    begin = member_offset(archive, path, name)
    if begin is None or header.fortran or header.dtype != np.uint8:
        return None
    first = len(header.shape) == 4 and header.shape[1] in _COLOURS
    return ArrayOnDisk(path, begin + header.offset, header.shape, first, mark_of(path.stat()))


@contextmanager
def _opened(path: Path) -> Iterator[tuple[zipfile.ZipFile, int]]:
    """Open the archive, and say how many bytes it has."""
    with (
        refused(path, "cannot be read as an .npz file", _ADVICE),
        open_regular(path) as file,
        zipfile.ZipFile(file) as archive,
    ):
        yield archive, path.stat().st_size


def _names_in(archive: zipfile.ZipFile, path: Path) -> dict[tuple[str, str], str]:
    there = {entry.removesuffix(".npy") for entry in archive.namelist()}
    found = {what: next((name for name in names if name in there), "") for what, names in _NAMES.items()}
    if lacks := [names[0] for what, names in _NAMES.items() if not found[what]]:
        listed = ", ".join(sorted(there)[:10]) or "nothing"
        raise ValueError(f"it lacks {', '.join(lacks)}, and has {listed}")
    return found


def _labels(archive: zipfile.ZipFile, name: str, packed: int) -> np.ndarray:
    header = read_header(archive, name)
    check_unpacked(header.size, packed=packed)
    return read_array(archive, name, header)


def _classes(archive: zipfile.ZipFile, packed: int) -> list[str]:
    names = _labels(archive, _CLASSES, packed)
    if names.ndim != 1 or names.dtype.kind != "U":
        raise ValueError(f"expected {_CLASSES} to be words, got {names.dtype} of shape {names.shape}")
    return [str(name) for name in names]


def _shape(header: Header, where: str) -> Shape:
    """(N, C, H, W) of an array of images."""
    if header.dtype.kind not in _NUMBERS:
        raise InputError(f"{where}: expected numbers, got {header.dtype}")
    match header.shape:
        case (count, height, width):
            return count, 1, height, width
        case (_, first, _, last) if first in _COLOURS and last in _COLOURS:
            raise InputError(f"{where}: has the shape {header.shape}, where the colours may be first or last")
        case (count, channels, height, width) if channels in _COLOURS:
            return count, channels, height, width
        case (count, height, width, channels) if channels in _COLOURS:
            return count, channels, height, width
    raise InputError(
        f"{where}: expected images of shape (N, H, W), (N, H, W, C) or (N, C, H, W) with C = 1 or 3, got {header.shape}"
    )


def _as_images(values: np.ndarray, where: str) -> Tensor:
    """Bytes of shape (N, C, H, W)."""
    dtype = _known_to_torch(values.dtype)
    if values.ndim == 3:
        values = values[:, None]
    elif values.shape[1] not in _COLOURS:
        values = values.transpose(0, 3, 1, 2)
    images = torch.empty(values.shape, dtype=torch.uint8)
    step = max(1, _PIECE // max(1, values[:1].size))
    for start in range(0, len(values), step):
        piece = torch.from_numpy(values[start : start + step].astype(dtype, order="C"))
        try:
            images[start : start + step] = piece if piece.dtype == torch.uint8 else bytes_of(piece)
        except ValueError as error:
            raise InputError(f"{where}: {error}") from None
    return images


def _known_to_torch(dtype: np.dtype) -> np.dtype:
    """The type of torch's that holds these numbers, in this machine's order of bytes."""
    if dtype.kind == "u" and dtype.itemsize > 1:
        return np.dtype(np.int64)
    return np.dtype(np.float64) if dtype.kind == "f" and dtype.itemsize not in (2, 4, 8) else dtype.newbyteorder("=")
