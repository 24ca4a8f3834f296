"""How do images that lie decoded in a file, or must be decoded each time, become batches?"""

import multiprocessing
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from .._crops import Crops, central_box
from .._images import Images
from .._view import view
from ._entry import Entry
from ._files import Files
from ._processes import in_processes
from ._threads import in_order


@dataclass(frozen=True, eq=False)
class StoredImages(Images):
    """Images of different sizes, of which each batch is seen at the size of the net's.

    Where they lie decoded in memory, threads read ahead, elsewhere processes.

    Args:
        origin: gives the pixels.
        rows: which of them these images are, int64.
        workers: how many threads or processes read.
    """

    origin: Entry | Files
    rows: Tensor
    workers: int

    @property
    def files(self) -> Files:
        """The files of `origin`."""
        return self.origin.files if isinstance(self.origin, Entry) else self.origin

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """(N, C, H, W), as of the tensor that reading all of them would give."""
        return len(self.rows), self.files.channels, *self.files.size

    def read(self, index: Tensor, crops: Crops | None = None) -> Tensor:
        """Read the images at these places, each seen through its crop."""
        (images,) = self._in_threads([(index, crops)])
        return images

    def ahead(self, wanted: Iterable[tuple[Tensor, Crops | None]]) -> Iterator[Tensor]:
        """Give what `read` gives, for one batch after the other; what reads ahead ends with the iterator."""
        # A daemon may have no processes of its own.
        if isinstance(self.origin, Entry) or multiprocessing.current_process().daemon:
            return self._in_threads(wanted)
        return in_processes(self._batch, wanted, self.workers)

    def subset(self, index: Tensor) -> "StoredImages":
        """The images at the places `index`, int64 or bool, in that order; no pixels are copied."""
        return replace(self, rows=self.rows[index])

    def fingerprint(self) -> bytes:
        """Bytes that are the same where the images are, in the same order, whether they are cached or not."""
        return self.files.at(self.rows.tolist()).fingerprint()

    def _in_threads(self, wanted: Iterable[tuple[Tensor, Crops | None]]) -> Iterator[Tensor]:
        """Have each batch read by all threads together: so the fewest batches wait in memory."""
        for images, is_last in in_order(self._fill, self._pieces(wanted), self.workers):
            if is_last:
                yield images

    def _pieces(self, wanted: Iterable[tuple[Tensor, Crops | None]]) -> Iterator["_Piece"]:
        for index, crops in wanted:
            images = torch.empty(len(index), *self.shape[1:], dtype=torch.uint8)
            *others, last = torch.arange(len(index)).chunk(max(1, self.workers))
            yield from (_Piece(images, index, crops, rows, is_last=False) for rows in others)
            yield _Piece(images, index, crops, last, is_last=True)

    def _batch(self, asked: tuple[Tensor, Crops | None]) -> Tensor:
        """Read a batch in this thread alone."""
        (piece,) = replace(self, workers=0)._pieces([asked])
        return self._fill(piece)[0]

    def _fill(self, piece: "_Piece") -> tuple[Tensor, bool]:
        size = self.files.size
        places = self.rows[piece.index].tolist()
        for row in piece.rows.tolist():
            pixels = self.origin.pixels(places[row])
            height, width = pixels.shape[:2]
            crops = piece.crops
            box = crops.box(row, height, width, size) if crops else central_box(height, width, size)
            piece.images[row] = view(pixels, box, size)
        return piece.images, piece.is_last


@dataclass(frozen=True)
class _Piece:
    """Rows of a batch that one thread fills."""

    images: Tensor
    index: Tensor
    crops: Crops | None
    rows: Tensor
    is_last: bool
