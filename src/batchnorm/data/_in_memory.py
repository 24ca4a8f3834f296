"""How are images read that are a tensor already?"""

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from ._crops import Crops
from ._images import PIECE, Images, counts_of
from ._view import view


@dataclass(frozen=True, eq=False)
class InMemory:
    """A tensor as `Images`: uint8 of shape (N, C, H, W), on any device. All are of the net's size already.

    Example:
        >>> images = InMemory(torch.arange(8, dtype=torch.uint8).reshape(2, 1, 2, 2))
        >>> images.shape, images.read(torch.tensor([1])).flatten().tolist()
        ((2, 1, 2, 2), [4, 5, 6, 7])
    """

    pixels: Tensor

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """(N, C, H, W)."""
        count, channels, height, width = self.pixels.shape
        return count, channels, height, width

    def read(self, index: Tensor, crops: Crops | None = None) -> Tensor:
        """Copy the images at these places; what a crop shows is scaled to the size of all."""
        images = self.pixels.index_select(0, index.to(self.pixels.device)).contiguous()
        if crops is None or not len(index):
            return images
        height, width = images.shape[2:]
        seen = [
            view(image, crops.box(row, height, width, (height, width)), (height, width))
            for row, image in enumerate(images.cpu().permute(0, 2, 3, 1).numpy())
        ]
        return torch.stack(seen).to(images.device)

    def ahead(self, wanted: Iterable[tuple[Tensor, Crops | None]]) -> Iterator[Tensor]:
        """Read one batch after the other, when it is asked for: what is in memory is not waited for."""
        return (self.read(index, crops) for index, crops in wanted)

    def subset(self, index: Tensor) -> Images:
        """Copy the images at these places."""
        return InMemory(self.pixels[index])

    def counts(self) -> Tensor:
        """Count the values, some images at a time, for torch counts bytes as larger integers."""
        size = max(1, PIECE // max(1, self.pixels[:1].numel()))
        return torch.stack([counts_of(piece) for piece in torch.split(self.pixels, size)]).sum(0)

    def fingerprint(self) -> bytes:
        """Return the SHA-256 of the pixels."""
        return hashlib.sha256(self.pixels.cpu().contiguous().reshape(-1).numpy().data).digest()
