"""Which images does a recalibration read, and in which batches?"""

from collections.abc import Iterator
from contextlib import closing

import torch
from torch import Tensor

from ..data import Augmentation, Batches, Normalization, Share, Split
from ._as_trained import evaluation_batch

RECALIBRATION_BATCH = 128
"""Images per batch. From some hundred on a larger one changes nothing (Wu and Johnson 2021, table 2)."""

ALL = Share()
"""The part of a process that is alone."""


class RecalibrationImages:
    """The images of a split, shuffled, augmented and normalized: the same ones whenever they are read.

    Which images come, and how each is augmented, follows from `seed` and `epoch` alone and not from `batch_size`, so
    that two sizes see the same data. The last batch may be smaller; an image that would be alone in it joins the batch
    before, for alone it might have no variance.

    Args:
        split: the images.
        normalization: the constants that the net was trained with.
        augmentation: as in training; `None` leaves the images as they are.
        batch_size: images per batch, at least 1.
        max_images: take so many, drawn by `seed`; `None` takes all.
        seed: of the order and the augmentation.
        epoch: of the order and the augmentation.
        channels_last: give the images in torch's channels_last layout.
        share: give only the batches of one of several processes: whole ones, so that all of them together are those
            that one process would give.

    Example:
        >>> split = Split(torch.zeros(9, 1, 28, 28, dtype=torch.uint8), torch.arange(9))
        >>> images = RecalibrationImages(split, Normalization((0.5,), (0.5,)), batch_size=4)
        >>> [len(batch) for batch in images], len(images)
        ([4, 5], 2)
    """

    def __init__(
        self,
        split: Split,
        normalization: Normalization,
        *,
        augmentation: Augmentation | None = None,
        batch_size: int = RECALIBRATION_BATCH,
        max_images: int | None = None,
        seed: int = 0,
        epoch: int = 0,
        channels_last: bool = False,
        share: Share = ALL,
    ) -> None:
        order = torch.randperm(len(split), generator=torch.Generator().manual_seed(seed))[:max_images]
        self.count = len(order)
        # What is augmented together, whatever the size of a batch.
        self._block = evaluation_batch(*split.shape[2:])
        self._blocks = Batches(
            split.subset(order), self._block, normalization, augmentation=augmentation, channels_last=channels_last
        )
        self.augmented = augmentation is not None
        self._seed, self._epoch = seed, epoch
        sizes = _sizes(self.count, batch_size)
        mine = share.of(len(sizes))
        self.sizes = sizes[mine]
        self._start = sum(sizes[: mine.start])

    def __len__(self) -> int:
        """The number of batches."""
        return len(self.sizes)

    def __iter__(self) -> Iterator[Tensor]:
        """Give the batches, float32 of shape (B, C, H, W)."""
        first, inside = divmod(self._start, self._block)
        with closing(self._blocks.epoch(self._seed, self._epoch, start_step=first)) as blocks:
            ready = next(blocks)[0][inside:] if self.sizes else torch.empty(0)
            for size in self.sizes:
                while len(ready) < size:
                    ready = torch.cat([ready, next(blocks)[0]])
                yield ready[:size]
                ready = ready[size:]


def _sizes(count: int, batch_size: int) -> list[int]:
    whole, rest = divmod(count, batch_size)
    sizes = [batch_size] * whole + [rest] * (rest > 0)
    if rest == 1 and 1 < batch_size < count:
        sizes[-2:] = [batch_size + 1]
    return sizes
