"""Which part of each image does a training see, and which an evaluation?"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from ..errors import InputError
from ._share import Part

Box = tuple[int, int, int, int]
"""left, top, right, bottom, in whole pixels; the last two lie behind the part."""

ATTEMPTS = 10
"""How many shapes are drawn for an image, of which the first that fits into it is taken, as torchvision does."""
RATIOS = (3 / 4, 4 / 3)
"""How much narrower and wider than the net's images a part may be, before it is scaled to their shape."""


def central_box(height: int, width: int, size: tuple[int, int]) -> Box:
    """The largest part in the middle of an image that has the shape of the net's images.

    It is what an evaluation sees, and a training without random crops.

    Args:
        height: of the image.
        width: of the image.
        size: height and width of the net's images.

    Example:
        >>> central_box(100, 300, (50, 50)), central_box(60, 50, (50, 50)), central_box(9, 7, (9, 7))
        ((100, 0, 200, 100), (0, 5, 50, 55), (0, 0, 7, 9))
    """
    wide = min(width, max(1, round(height * size[1] / size[0])))
    high = min(height, max(1, round(width * size[0] / size[1])))
    return _in_the_middle(height, width, high, wide)


@dataclass(frozen=True, eq=False)
class Crops:
    """Random parts of images, by numbers that do not depend on the images' sizes: a random resized crop for each.

    Of an image, a share of its area that is uniform from `smallest` to 1 is shown; its shape is the net's times a
    ratio whose logarithm is uniform from log 3/4 to log 4/3; and it lies anywhere. Of ten such shapes the first that
    fits into the image is taken. If none does, it is the part in the middle that comes nearest.

    Args:
        shares: of the image's area, float64 of shape (B, 10).
        ratios: of the parts' shapes to that of the net's images, float64 of shape (B, 10).
        places: where the part lies, from left and from the top, float64 of shape (B, 2), from 0 up to 1.

    Example:
        >>> crops = Crops.drawn(2, 0.5, torch.Generator().manual_seed(0))
        >>> left, top, right, bottom = crops.box(0, 100, 200, (32, 32))
        >>> 0.49 < (right - left) * (bottom - top) / (100 * 200) < 1
        True

    Source: Szegedy et al., "Going Deeper with Convolutions", 2015, https://arxiv.org/abs/1409.4842, section 6; the
    attempts are those of torchvision's `RandomResizedCrop`.
    """

    shares: Tensor
    ratios: Tensor
    places: Tensor

    @classmethod
    def drawn(cls, count: int, smallest: float, generator: torch.Generator, part: Part | None = None) -> "Crops":
        """Draw a crop for each of `count` images.

        Args:
            count: how many images there are.
            smallest: the smallest share of an image's area that is shown, above 0 and at most 1.
            generator: gives 22 numbers for each image.
            part: which rows of a larger batch the images are; the generator then gives the numbers of all its rows.

        Raises:
            ValueError: `smallest` is out of its range.
        """
        if not 0 < smallest <= 1:
            raise InputError(argument="smallest", expected="a number above 0 and at most 1", got=str(smallest))
        of_all = part.count if part else count
        drawn = torch.rand(of_all, 2 * ATTEMPTS + 2, generator=generator, dtype=torch.float64)
        drawn = drawn[part.rows] if part else drawn
        low, high = map(math.log, RATIOS)
        return cls(
            shares=smallest + (1 - smallest) * drawn[:, :ATTEMPTS],
            ratios=torch.exp(low + (high - low) * drawn[:, ATTEMPTS:-2]),
            places=drawn[:, -2:],
        )

    def __len__(self) -> int:
        """The number of images."""
        return len(self.places)

    def box(self, row: int, height: int, width: int, size: tuple[int, int]) -> Box:
        """The part of image `row` that is shown, if the image has this height and width.

        Args:
            row: of the batch.
            height: of the image.
            width: of the image.
            size: height and width of the net's images.
        """
        shape, across, down = size[1] / size[0], *self.places[row].tolist()
        for share, ratio in zip(self.shares[row].tolist(), self.ratios[row].tolist(), strict=True):
            area, aspect = share * height * width, ratio * shape
            wide, high = round(math.sqrt(area * aspect)), round(math.sqrt(area / aspect))
            if 0 < wide <= width and 0 < high <= height:
                left, top = int(across * (width - wide + 1)), int(down * (height - high + 1))
                return left, top, left + wide, top + high
        return _nearest(height, width, shape)


def _nearest(height: int, width: int, shape: float) -> Box:
    """The largest part in the middle of an image whose shape may be shown."""
    narrowest, widest = (shape * ratio for ratio in RATIOS)
    high = min(height, max(1, round(width / narrowest)))
    wide = min(width, max(1, round(height * widest)))
    return _in_the_middle(height, width, high, wide)


def _in_the_middle(height: int, width: int, high: int, wide: int) -> Box:
    left, top = (width - wide) // 2, (height - high) // 2
    return left, top, left + wide, top + high
