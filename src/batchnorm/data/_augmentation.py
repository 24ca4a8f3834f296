"""How are training images varied without changing their class?

Each function takes a whole batch and draws one number (or pair) per image from the generator that
it is given; there is no loop over images and no hidden random state. Where several processes share a
batch, each draws for all of it, so that an image is varied alike wherever it goes.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from ..errors import InputError
from ._crops import Crops
from ._jitter import random_jitter
from ._share import Part


def random_flip(images: Tensor, generator: torch.Generator, part: Part | None = None) -> Tensor:
    """Mirror each image left to right with probability 1/2.

    Args:
        images: (N, C, H, W), any dtype.
        generator: gives N numbers.
        part: which rows of a larger batch the images are; the generator then gives a number for each of its rows.

    Returns:
        A new tensor of the same shape and dtype.

    Example:
        >>> images = torch.tensor([1, 2]).expand(100, 1, 1, 2)
        >>> random_flip(images, torch.Generator().manual_seed(0)).flatten(1).unique(dim=0)
        tensor([[1, 2],
                [2, 1]])
    """
    drawn = torch.randint(2, (part.count if part else len(images),), generator=generator, dtype=torch.bool)
    rows = (drawn[part.rows] if part else drawn).nonzero()[:, 0].to(images.device)
    # torch copies whole rows; with a mask it would look at each pixel.
    return images.index_copy(0, rows, images.index_select(0, rows).flip(-1))


def random_shift(images: Tensor, pixels: int, generator: torch.Generator, part: Part | None = None) -> Tensor:
    """Move each image by up to `pixels` in both directions; what comes in from outside is 0.

    The same as padding with `pixels` zeros on every side and cutting the old size out at a random
    place, the usual augmentation of small images (He et al. 2016,
    https://arxiv.org/abs/1512.03385, section 4.2). Use it on pixels, before they are normalized:
    there 0 is the background, afterwards it would be the mean grey.

    Args:
        images: (N, C, H, W), any dtype.
        pixels: the largest distance, >= 0; every distance from -pixels to pixels is equally likely.
        generator: gives 2 N numbers.
        part: which rows of a larger batch the images are; the generator then gives two numbers for each of its rows.

    Returns:
        A new tensor of the same shape and dtype.

    Raises:
        ValueError: `pixels` is negative.

    Example:
        >>> images = torch.tensor([0, 1, 0]).expand(100, 1, 1, 3)
        >>> random_shift(images, 1, torch.Generator().manual_seed(0)).flatten(1).unique(dim=0)
        tensor([[0, 0, 0],
                [0, 0, 1],
                [0, 1, 0],
                [1, 0, 0]])
    """
    if pixels < 0:
        raise InputError(argument="pixels", expected="an integer of at least 0", got=str(pixels))
    count, _, height, width = images.shape
    drawn = torch.randint(2 * pixels + 1, (2, part.count if part else count), generator=generator)
    top, left = (drawn[:, part.rows] if part else drawn).to(images.device)
    padded = F.pad(images, (pixels, pixels, pixels, pixels))
    # A view of every possible crop, (N, C, top, left, H, W); the index then copies one per image.
    crops = padded.unfold(2, height, 1).unfold(3, width, 1)
    return crops[torch.arange(count, device=images.device), :, top, left]


@dataclass(frozen=True)
class Augmentation:
    """Which random changes are made to training images, and how large they are.

    Which part of an image is seen (`crops`) is drawn before it is read; the rest is done to the batch that was read, in
    the order of the arguments.

    Args:
        flip: mirror half of the images.
        shift: move by up to so many pixels; 0 does not move.
        jitter: change brightness, contrast and saturation by up to this part each; 0 changes no colour.
        crop: show a part of at least this share of each image, scaled to the size of all; 1 shows what an evaluation
            sees.

    Raises:
        ValueError: `shift` is negative, `jitter` not from 0 to 1, or `crop` not above 0 and at most 1.

    Example:
        >>> images = torch.zeros(2, 1, 28, 28, dtype=torch.uint8)
        >>> Augmentation(flip=True, shift=2)(images, torch.Generator().manual_seed(0)).shape
        torch.Size([2, 1, 28, 28])
        >>> len(Augmentation(flip=True, shift=0, crop=0.35).crops(2, torch.Generator().manual_seed(0)))
        2
    """

    flip: bool
    shift: int
    jitter: float = 0.0
    crop: float = 1.0

    def __post_init__(self) -> None:
        """Refuse what could not be done before training begins."""
        if self.shift < 0:
            raise InputError(argument="shift", expected="an integer of at least 0", got=str(self.shift))
        if not 0 <= self.jitter <= 1:
            raise InputError(argument="jitter", expected="a number from 0 to 1", got=str(self.jitter))
        if not 0 < self.crop <= 1:
            raise InputError(argument="crop", expected="a number above 0 and at most 1", got=str(self.crop))

    @property
    def varies(self) -> bool:
        """Whether anything is changed."""
        return self.flip or self.shift > 0 or self.jitter > 0 or self.crop < 1

    def crops(self, count: int, generator: torch.Generator, part: Part | None = None) -> Crops | None:
        """Draw which part of each of `count` images is seen, or of those at `part`'s rows; `None`: no random one."""
        return Crops.drawn(count, self.crop, generator, part) if self.crop < 1 else None

    def __call__(self, images: Tensor, generator: torch.Generator, part: Part | None = None) -> Tensor:
        """Change a batch of pixels, (N, C, H, W), or those of its rows that `part` names."""
        if self.flip:
            images = random_flip(images, generator, part)
        if self.shift:
            images = random_shift(images, self.shift, generator, part)
        if self.jitter:
            images = random_jitter(images, self.jitter, generator, part)
        return images
