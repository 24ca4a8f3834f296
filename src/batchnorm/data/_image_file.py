"""How is an image file opened, so that it starts no program, and takes no more memory than a photograph?"""

from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING

from ..errors import InputError
from ..files import as_path, open_regular, refused
from ._image_colours import Scale
from ._pixels_at_once import room_for
from ._quiet_pillow import quiet_pillow

if TYPE_CHECKING:
    from PIL import Image

FORMATS = ("PNG", "JPEG", "WEBP", "TIFF", "GIF", "BMP", "PPM")
"""What may be opened, whatever the file is called: Pillow knows more, and for some of them starts another program."""
MOST_PIXELS = 2**26
"""Of an image, or of what a net takes: a few hundred megabytes while it is converted."""
MOST_BYTES = 2**29
"""Of a file: as many as `MOST_PIXELS` have in any of these formats, and their metadata."""
ADVICE = f"Use a {', '.join(FORMATS[:-1])} or {FORMATS[-1]} file of at most {MOST_PIXELS:,} pixels."
TURNS = {
    2: "FLIP_LEFT_RIGHT",
    3: "ROTATE_180",
    4: "FLIP_TOP_BOTTOM",
    5: "TRANSPOSE",
    6: "ROTATE_270",
    7: "TRANSVERSE",
    8: "ROTATE_90",
}
"""What puts an image upright, by the number of EXIF. `ImageOps.exif_transpose` writes odd metadata anew, or fails."""
LYING = (5, 6, 7, 8)
"""The numbers with which width and height change places."""


@dataclass(frozen=True)
class Opened:
    """The first picture of an image file, in memory and turned as its EXIF data say.

    Attributes:
        image: its pixels; of a JPEG fewer than the file has, if `open_image` was told that fewer are enough.
        scale: what is white in it.
        mode: Pillow's name of the colours that the file has.
        size: width and height that the file has, turned.
        pictures: how many there are in the file.
    """

    image: "Image.Image"
    scale: Scale
    mode: str
    size: tuple[int, int]
    pictures: int


def open_image(
    path: Path | str, mode: str = "", enough: tuple[int, int] | None = None, held: ExitStack | None = None
) -> Opened:
    """Open an image of at most `MOST_PIXELS` pixels.

    Args:
        path: a file of one of the `FORMATS`.
        mode: Pillow's name of the colours that are wanted: a JPEG need not compute others.
        enough: height and width that are enough: a JPEG of twice as many pixels and more is decoded to a half, a
            quarter or an eighth of them, but not to fewer.
        held: holds room for the pixels until it is closed, so that threads do not decode many large images at once.

    Raises:
        InputError: no such file, or none that can be read.
    """
    if not as_path(path, "path").exists():
        raise InputError(f"{path}: there is no such image", cure="Check the path.")
    with (
        refused(path, "cannot be read as an image", ADVICE),
        open_regular(path, MOST_BYTES) as file,
        quiet_pillow(),  # about odd metadata, and of sizes that are checked here
        identified(file) as image,
    ):
        check_pixels(image.width, image.height)
        scale, was, size = Scale.of(image), image.mode, image.size
        if enough and image.format in ("JPEG", "MPO"):  # others know no such way, and may have EXIF data behind pixels
            image.draft(mode, enough if orientation_of(image) in LYING else enough[::-1])
        if held:
            held.enter_context(room_for(image.width * image.height))
        image.load()
        orientation = orientation_of(image)
        size = size[::-1] if orientation in LYING else size
        return Opened(_turned(image, orientation), scale, was, size, _pictures(image))


def _turned(image: "Image.Image", orientation: int) -> "Image.Image":
    """Return a copy that stands upright, which does not need the file any more."""
    from PIL import Image

    if orientation in TURNS:
        return image.transpose(Image.Transpose[TURNS[orientation]])
    return image.copy()


def upright_size(image: "Image.Image") -> tuple[int, int]:
    """Return width and height of an image just opened, without reading its pixels."""
    # Who asks a PNG for EXIF data that are not ahead of its pixels has these read; a TIFF's size is upright already.
    lies = image.format != "TIFF" and "exif" in image.info and orientation_of(image) in LYING
    return (image.height, image.width) if lies else image.size


def orientation_of(image: "Image.Image") -> int:
    """What EXIF data say of how an image is turned; 1, as it stands, if they are damaged, which hurts no pixel."""
    with suppress(Exception):
        return int(image.getexif().get(0x0112, 1))
    return 1


def identified(file: IO[bytes]) -> "Image.Image":
    """Open one of the `FORMATS`, without reading its pixels.

    Raises:
        ValueError: it is none.
    """
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
