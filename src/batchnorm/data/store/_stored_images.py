"""How do images that lie decoded in a file, or must be decoded each time, become batches?"""

from collections.abc import Iterable, Iterator
from typing import Protocol

import torch
from torch import Tensor

from .._crops import Crops, central_box
from .._images import counts_by_reading
from .._view import view
from ._entry import Entry
from ._files import Files, Pixels
from ._processes import in_processes
from ._threads import in_order


class Origin(Protocol):
    """What gives the pixels of an image: an `Entry` of the cache, or `Files`."""

    def pixels(self, place: int) -> Pixels:
        """Return them, uint8 of shape (h, w, C)."""


class StoredImages:
    """Images of different sizes, of which each batch is seen at the size of the net's: an `Images`.

    Where they lie decoded in memory, threads read ahead, elsewhere processes.

    Args:
        origin: gives the pixels.
        files: those of the images.
        rows: which of them these images are, int64.
        workers: how many threads or processes read.
    """

    def __init__(self, origin: Entry | Files, rows: Tensor, workers: int) -> None:
        self.origin, self.rows, self.workers = origin, rows, workers
        self.files = origin.files if isinstance(origin, Entry) else origin

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """(N, C, H, W), as of the tensor that reading all of them would give."""
        return len(self.rows), self.files.channels, *self.files.size

    def read(self, index: Tensor, crops: Crops | None = None) -> Tensor:
        """Read the images at these places, each seen through its crop; threads share a large batch."""
        images = torch.empty(len(index), *self.shape[1:], dtype=torch.uint8)
        pieces = torch.arange(len(index)).chunk(max(1, self.workers))
        workers = self.workers if len(pieces) > 1 else 0
        for _ in in_order(lambda rows: self._fill(images, index, crops, rows), pieces, workers):
            pass
        return images

    def ahead(self, wanted: Iterable[tuple[Tensor, Crops | None]]) -> Iterator[Tensor]:
        """Give what `read` gives, for one batch after the other; what reads ahead ends with the iterator."""
        if isinstance(self.origin, Entry):
            return in_order(self._batch, wanted, self.workers)
        return in_processes(self._batch, wanted, self.workers)

    def subset(self, index: Tensor) -> "StoredImages":
        """The images at the places `index`, int64 or bool, in that order; no pixels are copied."""
        return StoredImages(self.origin, self.rows[index], self.workers)

    def counts(self) -> Tensor:
        """How often each value occurs in each channel, int64 of shape (C, 256), as `read` gives them without crops."""
        return counts_by_reading(self)

    def fingerprint(self) -> bytes:
        """Bytes that are the same where the images are, in the same order, whether they are cached or not."""
        return self.files.at(self.rows.tolist()).fingerprint()

    def _batch(self, asked: tuple[Tensor, Crops | None]) -> Tensor:
        index, crops = asked
        images = torch.empty(len(index), *self.shape[1:], dtype=torch.uint8)
        self._fill(images, index, crops, torch.arange(len(index)))
        return images

    def _fill(self, images: Tensor, index: Tensor, crops: Crops | None, rows: Tensor) -> None:
        size = self.files.size
        places = self.rows[index].tolist()
        for row in rows.tolist():
            pixels = self.origin.pixels(places[row])
            height, width = pixels.shape[:2]
            box = crops.box(row, height, width, size) if crops else central_box(height, width, size)
            images[row] = view(pixels, box, size)
