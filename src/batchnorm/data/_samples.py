"""What are the images and the labels of somebody's data set, sample by sample?"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from ..errors import FaultError, InputError, InputTypeError, its_type
from ..files import in_short
from ._pixels import pixels_of
from ._split import Split
from .store import in_processes

Pair = Callable[[Any], tuple[Any, Any]]
"""A caller's own way to find image and label in a sample."""
_LABELS = 256
"""Samples whose labels are read by one process at a time."""


@dataclass(frozen=True, eq=False)
class Samples:
    """A data set with `len(dataset)` and `dataset[i]`, each of whose samples is looked at when it is read.

    Args:
        dataset: the caller's.
        part: which of his arguments it is.
        pair: gives image and label of a sample.
        shape: (C, H, W), which all images have to have; `None`: any.
    """

    dataset: Any
    part: str
    pair: Pair | None
    shape: tuple[int, ...] | None = None

    def __len__(self) -> int:
        return len(self.dataset)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        """Return the pixels, uint8 of shape (C, H, W), and the class number of a sample.

        Raises:
            InputTypeError: it is no pair.
            InputError: its image or its label cannot be used, or the data set raised.
        """
        sample = self._raw(index)
        if not isinstance(sample, tuple | list) or len(sample) != 2:
            got = its_type(sample) + (f" of {len(sample)}" if hasattr(sample, "__len__") else "")
            raise InputTypeError(
                argument=self.part,
                expected="samples of (image, label)",
                got=f"{got} at {index}",
                cure="Say where they are: pair=lambda sample: (sample['image'], sample['label']).",
            )
        try:
            image, label = pixels_of(sample[0]), _label(sample[1])
        except ValueError as error:
            raise InputError(f"at {index}: {error}", argument=self.part) from None
        if self.shape is not None and image.shape != self.shape:
            shapes = ["x".join(map(str, shape)) for shape in (self.shape, image.shape)]
            raise InputError(
                argument=self.part,
                expected=f"images of one size, {shapes[0]} as the first training image",
                got=f"{shapes[1]} at {index}",
                cure="Resize or crop them.",
            )
        return image, label

    def read_all(self) -> Split:
        """Return all of them, in memory."""
        first, _ = self[0]
        images, labels = (
            torch.empty(len(self), *first.shape, dtype=torch.uint8),
            torch.empty(len(self), dtype=torch.int64),
        )
        for index in range(len(self)):
            images[index], labels[index] = self[index]
        return Split(images, labels)

    def pixels(self, index: int) -> npt.NDArray[np.uint8]:
        """Return an image as others are kept, uint8 of shape (H, W, C)."""
        return self[index][0].permute(1, 2, 0).numpy()

    def labels(self, workers: int) -> Tensor:
        """Read every sample once, for its label, int64 of shape (N,)."""
        return torch.cat([*in_processes(self._labels, self._pieces(), workers)])

    def _pieces(self) -> Iterator[list[int]]:
        return (piece.tolist() for piece in torch.split(torch.arange(len(self)), _LABELS))

    def _labels(self, piece: list[int]) -> Tensor:
        return torch.tensor([self[index][1] for index in piece])

    def _raw(self, index: int) -> Any:
        try:
            raw = self.dataset[index]
            return raw if self.pair is None else self.pair(raw)
        except FaultError:
            raise
        except Exception as error:  # somebody's code may raise anything
            raise InputError(
                f"sample {index} raised {type(error).__name__}: {in_short(error)}", argument=self.part
            ) from error


def _label(value: Any) -> int:
    """The number of a class."""
    number = value.item() if getattr(value, "shape", None) == () else value
    if isinstance(number, bool) or not isinstance(number, int) or number < 0:
        raise ValueError(f"expected a class number of at least 0, got {str(value)[:60]}")
    return number
