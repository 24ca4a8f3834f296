"""How do data sets of torch, of torchvision or of one's own become one that a training takes?"""

import math
import multiprocessing
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from ..errors import InputError, InputTypeError, its_type
from ..files import half_fits
from ._image_size import as_image_size
from ._read_each import ReadEach
from ._samples import Pair, Samples
from ._source import DatasetInfo, Source, SplitName
from ._split import Split
from .store import in_processes, workers_of

_LOOKS = 3
"""How often the first sample is read to see whether it is always the same."""


def from_datasets(
    train: Any,
    test: Any,
    *,
    classes: Sequence[str] | None = None,
    name: str | None = None,
    flippable: bool = False,
    pair: Pair | None = None,
    in_memory: bool | None = None,
    workers: int | None = None,
) -> Source:
    """Return a `Source` of two data sets with `len(dataset)` and `dataset[i]`, as `torch.utils.data.Dataset` has them.

    Every sample is `(image, label)`: an image of Pillow, a tensor or an array, uint8 or the floats that
    `ToTensor` makes of bytes; and the number of its class, from 0. All images have one size. They are read when they
    are first needed, and kept in memory as bytes; where the memory that is free does not hold them twice, they are read
    again in every epoch, by processes of torch's `DataLoader`. What varies images at random is left to the training
    (`flip`, `shift`, `crop`, `jitter`).

    Args:
        train: the training images.
        test: the test images.
        classes: the classes' names; those that the data set has (`train.classes`), or the numbers.
        name: what the set is called in a run's files.
        flippable: whether an image's mirror image still belongs to its class.
        pair: `pair(sample)` gives image and label, where a sample is no such pair.
        in_memory: keep the images in memory, or read them in every epoch; `None`: as the memory allows.
        workers: processes that read what is not kept in memory; 0: this one; `None`: one for each core.

    Raises:
        InputTypeError: they are no such data sets, or their samples no such pairs.
        InputError: an image or a label cannot be used; the message names the sample.

    Example:
        >>> from torch.utils.data import TensorDataset
        >>> images = torch.randint(256, (6, 3, 8, 8), dtype=torch.uint8)
        >>> labels = torch.tensor([0, 1, 2, 0, 1, 2])
        >>> source = from_datasets(TensorDataset(images, labels), TensorDataset(images[:3], labels[:3]), name="dots")
        >>> source.info.classes, source.info.image_size, len(source.load("test"))
        (('0', '1', '2'), 8, 3)
    """
    # A daemon may have no processes of its own.
    memory = in_memory, 0 if multiprocessing.current_process().daemon else workers_of(workers)
    return _Datasets({"train": train, "test": test}, classes, name, pair, memory, flippable=flippable)


class _Datasets:
    """Two data sets as one source."""

    def __init__(
        self,
        sets: dict[SplitName, Any],
        classes: Sequence[str] | None,
        name: str | None,
        pair: Pair | None,
        memory: tuple[bool | None, int],
        *,
        flippable: bool,
    ) -> None:
        for split, dataset in sets.items():
            _check(split, dataset)
        self._shape = _first_shape(Samples(sets["train"], "train", pair))
        self._sets = {split: Samples(dataset, split, pair, self._shape) for split, dataset in sets.items()}
        self._splits: dict[SplitName, Split] = {}
        in_memory, self._workers = memory
        self._in_memory = self._fits() if in_memory is None else in_memory
        known = classes if classes is not None else _attribute(sets["train"], "classes")
        self.info = DatasetInfo(
            name=name or _called(sets["train"]),
            summary=f"{_called(sets['train'])}, by from_datasets",
            classes=tuple(map(str, known)) if known else self._numbers(),
            in_channels=self._shape[0],
            image_size=as_image_size(*self._shape[1:]),
            train_size=len(sets["train"]),
            test_size=len(sets["test"]),
            licence="",
            homepage="",
            flippable=flippable,
        )

    def locate(self) -> Path | None:
        root = _attribute(self._sets["train"].dataset, "root")
        return Path(root) if isinstance(root, str | Path) else Path()

    def load(self, split: SplitName) -> Split:
        if split not in self._sets:
            raise ValueError(f"split: expected 'train' or 'test', got {split!r}")
        if split not in self._splits:
            self._splits[split] = self._read(split)
        return self._splits[split]

    def _numbers(self) -> tuple[str, ...]:
        """The numbers of the classes, as many as there are in the training images."""
        return tuple(map(str, range(int(self.load("train").labels.max()) + 1)))

    def _fits(self) -> bool:
        """Whether the memory that is free holds all pixels twice."""
        return half_fits(sum(map(len, self._sets.values())) * math.prod(self._shape))

    def _read(self, split: SplitName) -> Split:
        samples = self._sets[split]
        if self._in_memory:
            return samples.read_all()
        images = ReadEach(samples.pixels, self._shape, torch.arange(len(samples)), self._workers, in_processes)
        return Split(images, samples.labels(self._workers))


def _first_shape(train: Samples) -> tuple[int, int, int]:
    """(C, H, W) of the first image, if it is always the same."""
    image, _ = train[0]
    if any(not torch.equal(image, train[0][0]) for _ in range(_LOOKS)):
        raise InputError(
            argument="train",
            expected="images that are always the same",
            got="other pixels when the first one was read again",
            cure="Leave out what varies them at random; a training does that itself (flip, shift, crop, jitter).",
        )
    channels, height, width = image.shape
    return channels, height, width


def _check(split: str, dataset: Any) -> None:
    if isinstance(dataset, type) or not (hasattr(dataset, "__getitem__") and hasattr(dataset, "__len__")):
        raise InputTypeError(
            argument=split,
            expected="a data set with len(dataset) and dataset[i], as a map-style torch.utils.data.Dataset",
            got=f"the class {dataset.__name__} itself" if isinstance(dataset, type) else its_type(dataset),
            cure="Pass the data set that the DataLoader was made of." if hasattr(dataset, "dataset") else "",
        )
    if not len(dataset):
        raise InputError(argument=split, expected="at least one sample", got="none")


def _inner(dataset: Any) -> Any:
    """The data set of which others, such as torch's `Subset`, show a part."""
    while hasattr(dataset, "dataset"):
        dataset = dataset.dataset
    return dataset


def _attribute(dataset: Any, name: str) -> Any:
    return getattr(dataset, name, getattr(_inner(dataset), name, None))


def _called(dataset: Any) -> str:
    return type(_inner(dataset)).__name__
