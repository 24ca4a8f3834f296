"""How are the images of somebody's files to be read? What a name in this library says of itself is in no option."""

from dataclasses import dataclass

from ._image_size import ImageSize

GIGABYTE = 10**9
"""Bytes."""


@dataclass(frozen=True)
class ImageOptions:
    """How images are read from a folder of image files; all else that is opened says these things itself.

    Args:
        image_size: what every image is made: the side of square ones, or (height, width); `None`: as the files suggest.
        channels: 1 for grey, 3 for colour; `None`: as the files suggest.
        test_fraction: how much of each class is kept for testing, where the folder has no test images of its own.
        seed: of that draw.
        cache_size: how many bytes all decoded images that are kept on disk may have together; 0 keeps none.
        workers: threads or processes that read files; `None`: as many as pay on this machine.

    Example:
        >>> ImageOptions(image_size=(96, 128)).test_fraction
        0.2
    """

    image_size: ImageSize | None = None
    channels: int | None = None
    test_fraction: float = 0.2
    seed: int = 0
    cache_size: int = 10 * GIGABYTE
    workers: int | None = None
