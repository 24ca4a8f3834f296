"""How do data sets of torch, of torchvision or of one's own become one that a training takes?"""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import torch

from ..errors import InputError, InputTypeError, its_type
from ._image_size import as_image_size
from ._pixels import pixels_of
from ._source import DatasetInfo, Source, SplitName
from ._split import Split

Pair = Callable[[Any], tuple[Any, Any]]
"""A caller's own way to find image and label in a sample."""

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
) -> Source:
    """Return a `Source` of two data sets with `len(dataset)` and `dataset[i]`, as `torch.utils.data.Dataset` has them.

    Every sample is `(image, label)`: an image of Pillow, a tensor or an array, uint8 or the floats that
    `ToTensor` makes of bytes; and the number of its class, from 0. All images have one size. They are read when they
    are first needed, and kept in memory as bytes. What varies images at random is left to the training (`flip`,
    `shift`).

    Args:
        train: the training images.
        test: the test images.
        classes: the classes' names; those that the data set has (`train.classes`), or the numbers.
        name: what the set is called in a run's files.
        flippable: whether an image's mirror image still belongs to its class.
        pair: `pair(sample)` gives image and label, where a sample is no such pair.

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
    return _Datasets({"train": train, "test": test}, classes, name, pair, flippable=flippable)


class _Datasets:
    """Two data sets as one source."""

    def __init__(
        self,
        sets: dict[SplitName, Any],
        classes: Sequence[str] | None,
        name: str | None,
        pair: Pair | None,
        *,
        flippable: bool,
    ) -> None:
        self._sets, self._pair = sets, pair
        self._splits: dict[SplitName, Split] = {}
        for split, dataset in sets.items():
            _check(split, dataset)
        image, _ = self._sample("train", 0)
        self._shape = tuple(image.shape)
        if any(not torch.equal(image, self._sample("train", 0)[0]) for _ in range(_LOOKS)):
            raise InputError(
                argument="train",
                expected="images that are always the same",
                got="other pixels when the first one was read again",
                cure="Leave out what varies them at random; a training does that itself (flip, shift).",
            )
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
        root = _attribute(self._sets["train"], "root")
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

    def _read(self, split: SplitName) -> Split:
        images, labels = zip(*self._samples(split), strict=True)
        return Split(torch.stack(images), torch.tensor(labels))

    def _samples(self, split: SplitName) -> Iterator[tuple[torch.Tensor, int]]:
        for index in range(len(self._sets[split])):
            image, label = self._sample(split, index)
            if image.shape != self._shape:
                shapes = ["x".join(map(str, shape)) for shape in (self._shape, image.shape)]
                raise InputError(
                    argument=split,
                    expected=f"images of one size, {shapes[0]} as the first training image",
                    got=f"{shapes[1]} at {index}",
                    cure="Resize or crop them.",
                )
            yield image, label

    def _sample(self, split: SplitName, index: int) -> tuple[torch.Tensor, int]:
        raw = self._sets[split][index]
        sample = raw if self._pair is None else self._pair(raw)
        if not isinstance(sample, tuple | list) or len(sample) != 2:
            got = its_type(sample) + (f" of {len(sample)}" if hasattr(sample, "__len__") else "")
            raise InputTypeError(
                argument=split,
                expected="samples of (image, label)",
                got=f"{got} at {index}",
                cure="Say where they are: pair=lambda sample: (sample['image'], sample['label']).",
            )
        try:
            return pixels_of(sample[0]), _label(sample[1])
        except ValueError as error:
            raise InputError(f"at {index}: {error}", argument=split) from None


def _label(value: Any) -> int:
    """The number of a class."""
    number = value.item() if getattr(value, "shape", None) == () else value
    if isinstance(number, bool) or not isinstance(number, int) or number < 0:
        raise ValueError(f"expected a class number of at least 0, got {str(value)[:60]}")
    return number


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
