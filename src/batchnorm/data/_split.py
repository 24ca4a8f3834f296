"""What is a set of labelled images, and how is a validation part taken from it?"""

import hashlib
from collections.abc import Generator, Iterable
from dataclasses import dataclass
from typing import Any, TypeGuard

import torch
from torch import Tensor

from ..errors import InputError, InputTypeError
from ._crops import Crops
from ._images import Images
from ._in_memory import InMemory


@dataclass(frozen=True, eq=False)
class Split:
    """Images and their labels as they are in the files, neither scaled nor normalized.

    Args:
        images: uint8 of shape (N, C, H, W); or an object that reads such images when they are needed (`Images`).
        labels: int64 of shape (N,), the class numbers, counted from 0.

    Raises:
        TypeError: something else than a tensor, or than such an object.
        ValueError: another dtype or shape, unequal lengths, or a negative label.

    Example:
        >>> split = Split(torch.zeros(3, 1, 28, 28, dtype=torch.uint8), torch.tensor([0, 1, 0]))
        >>> len(split), split.shape, split.read(torch.tensor([2, 0])).shape
        (3, (3, 1, 28, 28), torch.Size([2, 1, 28, 28]))
        >>> split.subset(torch.tensor([2, 1])).labels
        tensor([0, 1])
    """

    images: Any  # most are tensors, of which type checkers should let whatever tensors can be asked
    labels: Tensor

    def __post_init__(self) -> None:
        """Refuse what no later step could use."""
        if not reads_images(self.images):
            _expect(self.images, "images", torch.uint8, "(N, C, H, W)", dimensions=4)
        _expect(self.labels, "labels", torch.int64, "(N,)", dimensions=1)
        if self.shape[0] != len(self.labels):
            raise InputError(
                argument="labels",
                expected="as many labels as images",
                got=f"{self.shape[0]} images and {len(self.labels)} labels",
            )
        if len(self.labels) and int(self.labels.min()) < 0:
            raise InputError(argument="labels", expected="labels of at least 0", got=str(int(self.labels.min())))

    def __len__(self) -> int:
        """The number of images."""
        return len(self.labels)

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """(N, C, H, W), whether the images are in memory or not."""
        return self._reader.shape

    def read(self, index: Tensor, crops: Crops | None = None) -> Tensor:
        """The images at the places `index` (int64), uint8 of shape (B, C, H, W), each seen through its crop."""
        return self._reader.read(index, crops)

    def ahead(self, wanted: Iterable[tuple[Tensor, Crops | None]]) -> Generator[Tensor]:
        """What `read` gives, for one batch after the other; where they are read ahead, closing it ends that."""
        yield from self._reader.ahead(wanted)

    def subset(self, index: Tensor) -> "Split":
        """The images at the places `index` (int64 or bool), in that order: as copies, if they are in memory."""
        images = self.images[index] if isinstance(self.images, Tensor) else self.images.subset(index)
        return Split(images, self.labels[index])

    def fingerprint(self) -> bytes:
        """Bytes that are the same where images and labels are, in the same order."""
        found = hashlib.sha256(repr(self.shape).encode())
        found.update(self._reader.fingerprint())
        found.update(self.labels.cpu().contiguous().numpy().data)
        return found.digest()

    @property
    def _reader(self) -> Images:
        return InMemory(self.images) if isinstance(self.images, Tensor) else self.images


def split_off_validation(split: Split, fraction: float, seed: int) -> tuple[Split, Split]:
    """Take a part of a training split away for validation, the same share of every class.

    Of a class with n images, `round(fraction * n)` are drawn, but never the last one: each class
    stays in training. Both parts keep the order of `split`. The draw depends on `seed` and on the
    labels' order alone.

    Args:
        split: the training images.
        fraction: 0 <= fraction < 1; 0 gives an empty validation part.
        seed: any integer that `torch.Generator.manual_seed` takes.

    Returns:
        The remaining training part and the validation part.

    Raises:
        ValueError: a fraction outside [0, 1).

    Example:
        >>> split = Split(torch.zeros(8, 1, 2, 2, dtype=torch.uint8), torch.arange(8) % 2)
        >>> training, validation = split_off_validation(split, 0.25, seed=0)
        >>> len(training), sorted(validation.labels.tolist())
        (6, [0, 1])
    """
    if not 0 <= fraction < 1:
        raise InputError(argument="fraction", expected="0 <= fraction < 1", got=str(fraction))
    chosen = torch.zeros(len(split), dtype=torch.bool)
    chosen[stratified_draw(split.labels, fraction, seed)] = True
    return split.subset(~chosen), split.subset(chosen)


def stratified_draw(labels: Tensor, fraction: float, seed: int) -> Tensor:
    """Draw the places of about `fraction` of each class, without a loop over the classes."""
    shuffled = torch.randperm(len(labels), generator=torch.Generator().manual_seed(seed))
    # A stable sort by class keeps the shuffled order inside each class.
    by_class = shuffled[labels[shuffled].argsort(stable=True)]
    counts = torch.bincount(labels)
    quotas = (counts.double() * fraction).round().long().minimum((counts - 1).clamp(min=0))
    first_of_class = counts.cumsum(0) - counts
    sorted_labels = labels[by_class]
    rank_in_class = torch.arange(len(labels)) - first_of_class[sorted_labels]
    return by_class[rank_in_class < quotas[sorted_labels]]


def reads_images(given: object) -> TypeGuard[Images]:
    """Whether this is an object that reads images when they are needed."""
    return not isinstance(given, type | Tensor) and all(hasattr(given, name) for name in _MEMBERS)


_MEMBERS = ("shape", "read", "ahead", "subset", "counts", "fingerprint")


def _expect(tensor: object, name: str, dtype: torch.dtype, shape: str, *, dimensions: int) -> None:
    if not isinstance(tensor, Tensor):
        raise InputTypeError(
            argument=name,
            expected=f"a tensor of {dtype}, of shape {shape}",
            got=type(tensor).__name__,
            cure=f"Convert it: torch.as_tensor({name}, dtype={dtype}).",
        )
    if tensor.dtype != dtype or tensor.dim() != dimensions:
        raise InputError(
            argument=name,
            expected=f"{dtype} of shape {shape}",
            got=f"{tensor.dtype} of shape {tuple(tensor.shape)}",
        )
