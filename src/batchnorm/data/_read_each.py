"""How do images become batches that something reads one by one, whenever they are needed?"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from ._crops import Crops
from ._images import Images
from ._view import view

Pixels = npt.NDArray[np.uint8]
"""Of one image, of shape (h, w, C)."""


class Ahead(Protocol):
    """How batches are read ahead: by `in_order` in threads, by `in_processes` in processes."""

    def __call__(
        self,
        work: Callable[[tuple[Tensor, Crops | None]], Tensor],
        things: Iterable[tuple[Tensor, Crops | None]],
        workers: int,
    ) -> Iterator[Tensor]:
        """Give what comes of one thing after the other."""


@dataclass(frozen=True, eq=False)
class ReadEach(Images):
    """Images of one size, each of which is read when it is needed.

    Args:
        pixels: reads the image at a place, uint8 of shape (H, W, C).
        image_shape: (C, H, W).
        rows: the places of these images, int64.
        workers: how many read ahead.
        ahead_by: in threads or in processes.

    Example:
        >>> from batchnorm.data.store import in_order
        >>> grey = ReadEach(lambda place: np.full((2, 3, 1), place, np.uint8), (1, 2, 3), torch.arange(5), 0, in_order)
        >>> grey.shape, grey.subset(torch.tensor([4, 1])).read(torch.tensor([0]))[0, 0, 0]
        ((5, 1, 2, 3), tensor([4, 4, 4], dtype=torch.uint8))
    """

    pixels: Callable[[int], Pixels]
    image_shape: tuple[int, int, int]
    rows: Tensor
    workers: int
    ahead_by: Ahead

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """(N, C, H, W), as of the tensor that reading all of them would give."""
        return len(self.rows), *self.image_shape

    def read(self, index: Tensor, crops: Crops | None = None) -> Tensor:
        """Read the images at these places; what a crop shows is scaled to the size of all."""
        return self._batch((index, crops))

    def ahead(self, wanted: Iterable[tuple[Tensor, Crops | None]]) -> Iterator[Tensor]:
        """Give what `read` gives, for one batch after the other; what reads ahead ends with the iterator."""
        return self.ahead_by(self._batch, wanted, self.workers)

    def subset(self, index: Tensor) -> "ReadEach":
        """The images at the places `index`, int64 or bool, in that order; no pixels are copied."""
        return replace(self, rows=self.rows[index])

    def _batch(self, asked: tuple[Tensor, Crops | None]) -> Tensor:
        index, crops = asked
        images = torch.empty(len(index), *self.image_shape, dtype=torch.uint8)
        _, height, width = self.image_shape
        for row, place in enumerate(self.rows[index].tolist()):
            box = crops.box(row, height, width, (height, width)) if crops else (0, 0, width, height)
            images[row] = view(self.pixels(place), box, (height, width))
        return images
