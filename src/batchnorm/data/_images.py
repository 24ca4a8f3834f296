"""What must something be that reads images when they are needed, and how are all its pixels counted?"""

import hashlib
from abc import abstractmethod
from collections.abc import Iterable, Iterator
from typing import Protocol

import torch
from torch import Tensor

from ._crops import Crops

PIECE = 8 * 2**20
"""Bytes of images that are looked at together where all of them are."""


class Images(Protocol):
    """Images that are read when they are needed, all of one size once they are read.

    `Split` takes such an object in place of a tensor. Whatever it keeps, and however many threads or processes read,
    the same places and crops give the same pixels, bit for bit. Without crops an image is shown as evaluation sees it:
    the `central_box` of what is stored, by `view`.

    A class that inherits from this one needs `shape`, `read` and `subset`. The rest does with these, but slowly: it
    reads nothing ahead, and reads all images for `counts` and `fingerprint`.

    Example:
        >>> class Greys(Images):
        ...     def __init__(self, greys):
        ...         self.greys = greys
        ...     shape = property(lambda self: (len(self.greys), 1, 2, 2))
        ...     def read(self, index, crops=None):
        ...         return self.greys[index].reshape(-1, 1, 1, 1).repeat(1, 1, 2, 2)
        ...     def subset(self, index):
        ...         return Greys(self.greys[index])
        >>> images = Greys(torch.tensor([0, 7, 255], dtype=torch.uint8))
        >>> [batch[:, 0, 0, 0].tolist() for batch in images.ahead([(torch.tensor([2, 0]), None)])]
        [[255, 0]]
        >>> images.counts()[0, [0, 1, 7, 255]].tolist(), len(images.subset(torch.tensor([True, False, True])).greys)
        ([4, 0, 4, 4], 2)
    """

    @property
    @abstractmethod
    def shape(self) -> tuple[int, int, int, int]:
        """(N, C, H, W), as of the tensor that reading all of them would give."""

    @abstractmethod
    def read(self, index: Tensor, crops: Crops | None = None) -> Tensor:
        """Read the images at the places `index`, int64 of shape (B,), each seen through its crop.

        Returns:
            uint8 of shape (B, C, H, W), contiguous, and the caller's own.

        Raises:
            InputError: a file is gone, or broken.
        """

    def ahead(self, wanted: Iterable[tuple[Tensor, Crops | None]]) -> Iterator[Tensor]:
        """Give what `read` gives, for one batch after the other, read ahead where that pays.

        `wanted` may be taken from before what it gave is asked for. Whatever reads ahead ends when all is given, and
        when the iterator is closed.
        """
        return (self.read(index, crops) for index, crops in wanted)

    @abstractmethod
    def subset(self, index: Tensor) -> "Images":
        """The images at the places `index`, int64 or bool, in that order; no pixels are copied."""

    def counts(self) -> Tensor:
        """How often each value occurs in each channel, int64 of shape (C, 256), as `read` gives them without crops."""
        return counts_by_reading(self)

    def fingerprint(self) -> bytes:
        """Bytes that are the same where the images are, in the same order: processes compare what they have by them."""
        found = hashlib.sha256()
        for piece in pieces_of(self):
            found.update(piece.numpy().data)
        return found.digest()


def pieces_of(images: Images) -> Iterator[Tensor]:
    """Read all images in order, some at a time.

    Example:
        >>> class Grey:
        ...     shape = (3, 1, 2, 2)
        ...     def ahead(self, wanted):
        ...         return (torch.zeros(len(index), 1, 2, 2, dtype=torch.uint8) for index, _ in wanted)
        >>> [len(piece) for piece in pieces_of(Grey())]
        [3]
    """
    count, channels, height, width = images.shape
    size = max(1, PIECE // max(1, channels * height * width))
    return images.ahead((index, None) for index in torch.split(torch.arange(count), size))


def counts_of(pixels: Tensor) -> Tensor:
    """How often each value occurs in each channel of pixels, uint8 of shape (N, C, H, W).

    Returns:
        int64 of shape (C, 256).

    Example:
        >>> counts_of(torch.tensor([0, 255, 255], dtype=torch.uint8).reshape(3, 1, 1, 1))[0, [0, 1, 255]]
        tensor([1, 0, 2])
    """
    return torch.stack([torch.bincount(c.flatten(), minlength=256) for c in pixels.unbind(1)])


def counts_by_reading(images: Images) -> Tensor:
    """Return `images.counts()`, for a kind of images that can find it only by reading all."""
    total = torch.zeros(images.shape[1], 256, dtype=torch.int64)
    for piece in pieces_of(images):
        total += counts_of(piece)
    return total
