"""What is kept of an image file, so that every part of it that a training may show can be made of that?"""

import math
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F

from ._coloured import coloured

if TYPE_CHECKING:
    from PIL import Image

VERSION = 1
"""Of the pixels that `decoded` makes of a file: who keeps them keeps this with them."""


def cover_of(size: tuple[int, int]) -> tuple[int, int]:
    """Return the height and width that are kept of images for nets of this size: an eighth more, for random crops.

    Example:
        >>> cover_of((224, 28))
        (256, 32)
    """
    return math.ceil(size[0] * 8 / 7), math.ceil(size[1] * 8 / 7)


def decoded(path: Path | str, channels: int, cover: tuple[int, int]) -> npt.NDArray[np.uint8]:
    """Return an image file's pixels, upright, in the net's colours, and no more of them than needed.

    An image that is larger than `cover` in both directions is scaled down, bilinearly and with antialiasing, until it
    just covers it; of a JPEG of twice that size the decoder itself makes fewer pixels first. Threads take turns with
    large images.

    Args:
        path: a PNG, JPEG, WebP, TIFF, GIF, BMP or PPM file of at most 67 million pixels.
        channels: 1 for grey, 3 for colours; what is transparent becomes black.
        cover: height and width.

    Returns:
        uint8 of shape (h, w, channels), contiguous.

    Raises:
        InputError: no such file, another kind, a larger or a damaged one, or one that does not say what is white.

    Example:
        >>> import tempfile
        >>> from PIL import Image
        >>> path = Path(tempfile.mkdtemp()) / "grey.png"
        >>> Image.new("L", (400, 100), 7).save(path)
        >>> decoded(path, 3, (32, 32)).shape, decoded(path, 1, (200, 200)).shape
        ((32, 128, 3), (100, 400, 1))
    """
    with ExitStack() as held:
        return scaled_down(coloured(path, channels, cover, held).image, cover)


def scaled_down(image: "Image.Image", cover: tuple[int, int]) -> npt.NDArray[np.uint8]:
    """Return the pixels of an image in grey or colours, scaled down until it just covers a height and width."""
    pixels = np.array(image)  # a copy that torch may write to, or else it warns
    pixels = pixels.reshape(image.height, image.width, -1)
    scale = max(cover[0] / image.height, cover[1] / image.width)
    if scale >= 1:
        return pixels
    size = [max(most, round(side * scale)) for most, side in zip(cover, pixels.shape, strict=False)]
    # Channels stay last in memory, for which torch has a path for bytes that is several times as fast as Pillow's. It
    # takes it only if the strides say so for a batch, too, as they do not where the batch's dimension comes last.
    scaled = F.interpolate(torch.from_numpy(pixels)[None].permute(0, 3, 1, 2), size, mode="bilinear", antialias=True)
    return np.ascontiguousarray(scaled[0].permute(1, 2, 0).numpy())
