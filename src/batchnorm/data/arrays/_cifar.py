"""How is CIFAR-10 read from its archive for Python, or from an archive or a folder that is made like it?

The archive is a gzipped tar of pickles: `data_batch_1` to `data_batch_5` and `test_batch`, dicts with `data`, uint8 of
shape (N, 3072), 32 rows of red, then of green and of blue, and `labels`; and `batches.meta`, with `label_names`
(https://www.cs.toronto.edu/~kriz/cifar.html). It is read as it is, and never unpacked on the disk; and its pickles are
read as data, without calling anything that they name.
"""

import re
from pathlib import Path
from typing import Any, NamedTuple, get_args

import numpy as np
import torch
from torch import Tensor

from ...errors import InputError
from ...files import refused
from .._source import SplitName
from ._labels import numbered
from ._members import members_of
from ._pickled import read_pickle
from ._source import ArraySource, Shape, array_source

_SIDE = 32
_FILES: dict[SplitName, re.Pattern[str]] = {
    "train": re.compile("data_batch_[0-9]{1,2}"),
    "test": re.compile("test_batch"),
}
_NAMES = re.compile(r"batches\.meta")
_ANY = re.compile("|".join(pattern.pattern for pattern in (*_FILES.values(), _NAMES)))
_ADVICE = "Use an archive or a folder like that of CIFAR-10 for Python, cifar-10-python.tar.gz."


class Batch(NamedTuple):
    """Images, uint8 of shape (N, 3072), and their labels."""

    images: np.ndarray
    labels: np.ndarray


def is_cifar(path: Path) -> bool:
    """Whether a path is that of an archive, or of a folder that one was unpacked into."""
    return path.name.lower().endswith((".tar.gz", ".tgz")) or (path / "data_batch_1").is_file()


def cifar_source(path: Path) -> ArraySource:
    """Return the data set in an archive or a folder like that of CIFAR-10, however many images it has.

    Raises:
        InputError: it cannot be read, lacks a part, or its parts do not fit together.
    """
    found: dict[SplitName, np.ndarray] = {}
    contents = _read(path, _ANY)
    for part in get_args(SplitName):
        found[part] = np.concatenate([batch.labels for batch in _batches(contents, part, path)])
    names = _class_names(contents, path)
    classes, train, test = numbered(
        found["train"], found["test"], names, (f"{path}: its data batches", f"{path}: its test_batch")
    )
    shapes: dict[SplitName, Shape] = {part: (len(labels), 3, _SIDE, _SIDE) for part, labels in found.items()}

    def images(part: SplitName) -> Tensor:
        return read_cifar(path, part)[0]

    summary = f"images like those of CIFAR-10 in {path.name}"
    return array_source(path, summary, shapes, classes, {"train": train, "test": test}, images)


def read_cifar(path: Path, part: SplitName) -> tuple[Tensor, Tensor]:
    """Read a split.

    Returns:
        Images, uint8 of shape (N, 3, 32, 32), and labels, int64 of shape (N,), as they are in the files.

    Raises:
        InputError: the archive or folder cannot be read, or lacks it.
    """
    batches = _batches(_read(path, _FILES[part]), part, path)
    images, labels = (torch.from_numpy(np.concatenate(arrays)) for arrays in zip(*batches, strict=True))
    return images.reshape(-1, 3, _SIDE, _SIDE), labels


def _read(path: Path, wanted: re.Pattern[str]) -> dict[str, Any]:
    """The values in the files that are wanted, in the order of their names."""
    found: dict[str, Any] = {}
    with refused(path, "cannot be read like CIFAR-10", _ADVICE):
        for name, content in members_of(path, wanted):
            if name in found:
                raise ValueError(f"it has {name} twice")
            found[name] = _values(name, content)
    return dict(sorted(found.items(), key=lambda item: (len(item[0]), item[0])))


def _values(name: str, content: bytes) -> Any:
    values = read_pickle(content)
    if not isinstance(values, dict):
        raise ValueError(f"expected a dict in {name}, got {type(values).__name__}")
    return values if _NAMES.fullmatch(name) else _batch(values, name)


def _batch(values: dict[str, Any], name: str) -> Batch:
    images, labels = values.get("data"), values.get("labels")
    if (
        not isinstance(images, np.ndarray)
        or images.dtype != np.uint8
        or images.ndim != 2
        or images.shape[1] != 3 * _SIDE**2
    ):
        got = f"{images.dtype} {images.shape}" if isinstance(images, np.ndarray) else type(images).__name__
        raise ValueError(f"expected data of uint8 and shape (N, {3 * _SIDE**2}) in {name}, got {got}")
    labels = labels.tolist() if isinstance(labels, np.ndarray) else labels
    if not isinstance(labels, list) or not all(type(label) is int and 0 <= label < 2**31 for label in labels):
        raise ValueError(f"expected labels in {name}, a list of numbers of at least 0")
    if len(labels) != len(images):
        raise ValueError(f"{name} has {len(images)} images and {len(labels)} labels")
    return Batch(images, np.array(labels, np.int64))


def _batches(contents: dict[str, Any], part: SplitName, path: Path) -> list[Batch]:
    found = [batch for name, batch in contents.items() if _FILES[part].fullmatch(name)]
    if not found:
        lacks = "data_batch_1" if part == "train" else "test_batch"
        raise InputError(f"{path}: cannot be read like CIFAR-10 (it lacks {lacks})", cure=_ADVICE)
    return found


def _class_names(contents: dict[str, Any], path: Path) -> list[str] | None:
    names = contents.get("batches.meta", {}).get("label_names")
    if names is not None and not (isinstance(names, list) and all(isinstance(name, str) for name in names)):
        raise InputError(f"{path}: expected label_names in batches.meta, a list of words", cure=_ADVICE)
    return names
