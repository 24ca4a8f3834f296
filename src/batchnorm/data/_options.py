"""How are the images of somebody's files to be read? What a name in this library says of itself is in no option."""

from dataclasses import dataclass

from ..errors import InputError
from ._image_size import ImageSize, read_image_size

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

    Raises:
        ValueError: a number that cannot be.

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

    def __post_init__(self) -> None:
        """Refuse what no image can be made, before files are looked at."""
        if self.image_size is not None:
            object.__setattr__(self, "image_size", read_image_size(self.image_size))
        if self.channels is not None and (type(self.channels) is not int or self.channels not in (1, 3)):
            raise InputError(argument="channels", expected="1 (grey) or 3 (colour)", got=repr(self.channels))
        fraction: object = self.test_fraction  # whatever the annotation says
        if not isinstance(fraction, int | float) or not 0 < fraction < 1:
            raise InputError(argument="test_fraction", expected="a number above 0 and below 1", got=repr(fraction))
        if type(self.seed) is not int:
            raise InputError(argument="seed", expected="an integer", got=repr(self.seed))
