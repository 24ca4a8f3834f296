"""How are height and width of images said: as in torch, (height, width), or as in a file's name, 128x96?

In Python a size is a number, for square images, or `(height, width)`, as everywhere in torch. As text, on the command
line and in files that people read, it is WIDTHxHEIGHT, as image sizes are written everywhere else.
"""

import re

from ..errors import InputError, its_type

ImageSize = int | tuple[int, int]
"""Side of square images, or (height, width)."""

LARGEST = 2**15
"""Pixels of a side."""
_AS_TEXT = re.compile(r"\s*(\d{1,9})\s*(?:[xX\u00d7*]\s*(\d{1,9})\s*)?", re.ASCII)
_EXPECTED = f"a number of pixels from 1 to {LARGEST}, or two such numbers, WIDTHxHEIGHT, such as 128x96"


def height_and_width(size: ImageSize) -> tuple[int, int]:
    """Return `(height, width)` of a size.

    Example:
        >>> height_and_width(64), height_and_width((96, 128))
        ((64, 64), (96, 128))
    """
    return (size, size) if isinstance(size, int) else size


def as_image_size(height: int, width: int) -> ImageSize:
    """Return a size as this library keeps it: one number for square images, which older files have.

    Example:
        >>> as_image_size(64, 64), as_image_size(96, 128)
        (64, (96, 128))
    """
    return height if height == width else (height, width)


def read_image_size(given: object, argument: str = "image_size") -> ImageSize:
    """Return the size that is meant by a number, a text or a pair.

    Args:
        given: 64, "64", "128x96" (WIDTHxHEIGHT) or (96, 128) (height, width).
        argument: by which.

    Raises:
        InputError: it is none of these, or no side of an image.

    Example:
        >>> read_image_size("128x96"), read_image_size("64"), read_image_size([96, 128])
        ((96, 128), 64, (96, 128))
        >>> read_image_size("128x")
        Traceback (most recent call last):
        batchnorm.errors.InputError: image_size: expected a number of pixels from 1 to 32768, or two such numbers, ...
    """
    pair = _pair(given)
    if pair is None or not all(1 <= side <= LARGEST for side in pair):
        got = repr(given)[:100] if isinstance(given, str | int | float | tuple | list) else its_type(given)
        raise InputError(argument=argument, expected=_EXPECTED, got=got)
    return as_image_size(*pair)


def image_size_text(size: ImageSize) -> str:
    """Return a size as text: WIDTHxHEIGHT.

    Example:
        >>> image_size_text((96, 128)), image_size_text(64)
        ('128x96', '64x64')
    """
    height, width = height_and_width(size)
    return f"{width}x{height}"


def _pair(given: object) -> tuple[int, int] | None:
    """Height and width, whatever they are; `None` where there are none."""
    if type(given) is int:
        return given, given
    if isinstance(given, str):
        if not (found := _AS_TEXT.fullmatch(given)):
            return None
        width = int(found[1])
        return int(found[2] or width), width
    if isinstance(given, tuple | list) and len(given) == 2 and all(type(side) is int for side in given):
        return given[0], given[1]
    return None
