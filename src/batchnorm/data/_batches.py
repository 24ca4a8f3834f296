"""Which images come together in a step, in which order, and how varied?

Every random number follows from (seed, epoch, step) alone. So nothing has to be saved to go on in
the middle of an epoch: `epoch(seed, epoch, start_step=k)` gives the batches that the interrupted
run would have got, bit for bit. Nor do they depend on how many processes share each batch.
"""

import math
from collections.abc import Generator, Iterator
from contextlib import closing
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ..errors import InputError, InputTypeError
from ._augmentation import Augmentation
from ._crops import Crops
from ._normalization import Normalization
from ._share import Part, Share
from ._split import Split

ALL = Share()
"""The part of a process that is alone."""


class Batches:
    """A split, cut into batches of normalized images and their labels, for any number of epochs.

    Args:
        split: the images; those that are not in memory are read ahead.
        batch_size: images per batch, >= 1; the last batch may be smaller.
        normalization: the constants of the training split.
        augmentation: varies the pixels before they are normalized; for training.
        shuffle: for training: a new order in every epoch, and a last batch of one image is left
            out: where a layer sees one value per channel, batch norm has no variance. A
            `batch_size` of 1 is taken at its word: nothing is left out.
        channels_last: give the images in torch's channels_last layout.
        micro_batch: for training: a batch will be split into pieces of so many images before a layer sees it, so that a
            last piece of one image is left out. `None`: it will not.

    Raises:
        ValueError: a size below 1, one that does not divide the other, or a split that gives no batch.

    Example:
        >>> split = Split(torch.zeros(5, 1, 28, 28, dtype=torch.uint8), torch.arange(5))
        >>> training = Batches(split, 2, Normalization((0.5,), (0.5,)), shuffle=True)
        >>> len(training), training.left_out
        (2, 1)
        >>> whole = [labels for images, labels in training.epoch(seed=0, epoch=7)]
        >>> rest = [labels for images, labels in training.epoch(seed=0, epoch=7, start_step=1)]
        >>> len(whole), len(rest), torch.equal(whole[1], rest[0])
        (2, 1, True)
    """

    def __init__(
        self,
        split: Split,
        batch_size: int,
        normalization: Normalization,
        *,
        augmentation: Augmentation | None = None,
        shuffle: bool = False,
        channels_last: bool = False,
        micro_batch: int | None = None,
    ) -> None:
        self.split = split
        self.batch_size = _at_least_1("batch_size", batch_size)
        self.micro_batch = batch_size if micro_batch is None else _at_least_1("micro_batch", micro_batch)
        if batch_size % self.micro_batch:
            raise InputError(
                argument="micro_batch", expected=f"a divisor of batch_size, {batch_size}", got=str(micro_batch)
            )
        self.normalization = normalization
        self.augmentation = augmentation
        self.shuffle = shuffle
        self.memory_format = torch.channels_last if channels_last else torch.contiguous_format
        if not len(self):
            raise InputError(
                argument="split",
                expected="at least 2 images for training, or 1 for evaluation",
                got=str(len(split)),
            )

    @property
    def left_out(self) -> int:
        """How many images an epoch leaves out: 1 if a layer would see the last one alone, else 0."""
        return int(self.shuffle and len(self.split) % self.micro_batch == 1)

    @property
    def images_per_epoch(self) -> int:
        """How many images an epoch gives."""
        return len(self.split) - self.left_out

    def __len__(self) -> int:
        """The number of steps in an epoch."""
        return math.ceil(self.images_per_epoch / self.batch_size)

    def sizes(self, step: int) -> list[int]:
        """How many images there are in each piece of a step, those of all processes together.

        Example:
            >>> split = Split(torch.zeros(10, 1, 28, 28, dtype=torch.uint8), torch.arange(10))
            >>> batches = Batches(split, 6, Normalization((0.5,), (0.5,)), micro_batch=3)
            >>> batches.sizes(0), batches.sizes(1)
            ([3, 3], [3, 1])
        """
        left = min(self.batch_size, self.images_per_epoch - step * self.batch_size)
        return [min(self.micro_batch, left - start) for start in range(0, left, self.micro_batch)]

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        """Give all batches, as a loader would, where every epoch is the same.

        Raises:
            TypeError: the images are shuffled or varied, so that an epoch needs its number.
        """
        self._refuse_random("iterating over Batches")
        return self.epoch()

    def first(self) -> tuple[Tensor, Tensor]:
        """Give the first batch alone, and read no other ahead.

        Raises:
            TypeError: as for a loop.
        """
        self._refuse_random("the first of Batches")
        index = torch.arange(min(self.batch_size, len(self.split)))
        return self.normalization.apply(self.split.read(index), self.memory_format), self.split.labels[index]

    def _refuse_random(self, doing: str) -> None:
        if self.shuffle or self.augmentation is not None:
            raise InputTypeError(
                f"{doing} that are shuffled or augmented would give the same every time",
                cure="Use epoch(seed, epoch).",
            )

    def epoch(
        self, seed: int = 0, epoch: int = 0, *, start_step: int = 0, share: Share = ALL
    ) -> Generator[tuple[Tensor, Tensor]]:
        """The batches of one epoch, from `start_step` on.

        Args:
            seed: the run's seed, >= 0.
            epoch: the epoch's number, >= 0; with `seed` it fixes the order and the augmentation.
            start_step: how many steps of this epoch were done already.
            share: give only the part of one process, of each piece of a batch; all parts together are the batch, bit
                for bit. A part may be empty.

        Returns:
            Pairs of images (float32, (B, C, H, W)) and labels (int64, (B,)); closing it ends what reads ahead.

        Raises:
            ValueError: a negative number, or a `start_step` past the end.
        """
        if seed < 0 or epoch < 0 or not 0 <= start_step <= len(self):
            raise InputError(
                verb="epoch",
                expected=f"seed >= 0, epoch >= 0 and 0 <= start_step <= {len(self)}",
                got=f"seed={seed}, epoch={epoch}, start_step={start_step}",
            )
        return self._steps(seed, epoch, start_step, share)

    def _steps(self, seed: int, epoch: int, start_step: int, share: Share) -> Generator[tuple[Tensor, Tensor]]:
        order = torch.arange(len(self.split))
        if self.shuffle:
            order = torch.randperm(len(order), generator=_generator(seed, epoch))[: self.images_per_epoch]
        steps = [self._step(order, number, share) for number in range(start_step, len(self))]
        wanted = ((step.index, self._crops(step, seed, epoch)) for step in steps)
        with closing(self.split.ahead(wanted)) as read:
            for step in steps:
                images = next(read, None)
                if images is None or images.shape != (len(step.index), *self.split.shape[1:]):
                    raise _misread(images, step, self.split)
                varied = self._varied(images, step, _generator(seed, epoch, step.number))
                yield self.normalization.apply(varied, self.memory_format), self.split.labels[step.index]

    def _step(self, order: Tensor, number: int, share: Share) -> "_Step":
        index = order[number * self.batch_size : (number + 1) * self.batch_size]
        if share.size == 1:
            return _Step(number, index, None)
        part = Part(share.rows(self.sizes(number)), len(index))
        return _Step(number, index[part.rows], part)

    def _varied(self, images: Tensor, step: "_Step", generator: torch.Generator) -> Tensor:
        return images if self.augmentation is None else self.augmentation(images, generator, step.part)

    def _crops(self, step: "_Step", seed: int, epoch: int) -> Crops | None:
        """Draw the crops of a step, by numbers of their own: they are known before the images are."""
        if self.augmentation is None:
            return None
        return self.augmentation.crops(len(step.index), _generator(seed, epoch, step.number, _CROPS), step.part)


@dataclass(frozen=True)
class _Step:
    """Which images a process gets in a step, and which rows of the whole batch they are."""

    number: int
    index: Tensor
    part: Part | None


_CROPS = 1
"""The last part of the key by which crops are drawn."""


def _misread(images: Tensor | None, step: _Step, split: Split) -> InputError:
    """Return what to say of images that are not those that were asked for."""
    return InputError(
        "somebody's own images did not give what they were asked for",
        argument="split",
        expected=f"{len(step.index)} images of {'x'.join(map(str, split.shape[1:]))}",
        got="none" if images is None else f"shape {tuple(images.shape)}",
        cure="See what batchnorm.data.Images says of `ahead` and `shape`.",
    )


def _at_least_1(argument: str, value: int) -> int:
    if type(value) is not int or value < 1:
        raise InputError(argument=argument, expected="an integer of at least 1", got=repr(value))
    return value


def _generator(seed: int, *key: int) -> torch.Generator:
    """A generator of its own for each (seed, key): neighbouring keys give independent numbers.

    The key is a spawn key, and no part of the entropy, because entropies that differ in trailing
    zeros are the same to numpy.
    """
    state = np.random.SeedSequence(seed, spawn_key=key).generate_state(1, np.uint64)
    return torch.Generator().manual_seed(int(state[0]))
