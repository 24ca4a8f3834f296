"""How is an image file opened, so that it starts no program, and takes no more memory than a photograph?"""

import warnings
from contextlib import suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING

from ..errors import InputError
from ..files import as_path, open_regular, refused
from ._image_colours import Scale

if TYPE_CHECKING:
    from PIL import Image

FORMATS = ("PNG", "JPEG", "WEBP", "TIFF", "GIF", "BMP", "PPM")
"""What may be opened, whatever the file is called: Pillow knows more, and for some of them starts another program."""
MOST_PIXELS = 2**26
"""Of an image, or of the square that a net takes: a few hundred megabytes while it is converted."""


def open_image(path: Path | str) -> "tuple[Image.Image, Scale, int]":
    """Return an image of at most `MOST_PIXELS` pixels, in memory and turned as its EXIF data say.

    With it come what is white in it, and of how many pictures in the file it is the first.

    Raises:
        InputError: no such file, or none that can be read.
    """
    from PIL import ImageOps

    if not as_path(path, "path").exists():
        raise InputError(f"{path}: there is no such image", cure="Check the path.")
    advice = f"Use a {', '.join(FORMATS[:-1])} or {FORMATS[-1]} file of at most {MOST_PIXELS:,} pixels."
    with (
        refused(path, "cannot be read as an image", advice),
        open_regular(path) as file,
        warnings.catch_warnings(action="ignore"),  # about odd metadata, and of sizes that are checked here
        _identified(file) as image,
    ):
        check_pixels(image.width, image.height)
        scale = Scale.of(image)
        image.load()
        ImageOps.exif_transpose(image, in_place=True)
        first = image.copy()
        return first, scale, _pictures(image)


def _identified(file: IO[bytes]) -> "Image.Image":
    from PIL import Image, UnidentifiedImageError

    try:
        return Image.open(file, formats=FORMATS)
    except UnidentifiedImageError:  # its message shows the open file, not the path
        raise ValueError("it is of none of these kinds, or damaged at its beginning") from None


def _pictures(image: "Image.Image") -> int:
    """How many there are, as far as can be told: what comes behind the first may be damaged."""
    with suppress(Exception):
        return int(getattr(image, "n_frames", 1))
    return 1


def check_pixels(width: int, height: int) -> None:
    """Raise `ValueError` for more than `MOST_PIXELS`.

    Example:
        >>> check_pixels(10**5, 10**5)
        Traceback (most recent call last):
        ValueError: it has 100000x100000 pixels
    """
    if width * height > MOST_PIXELS:
        raise ValueError(f"it has {width}x{height} pixels")
