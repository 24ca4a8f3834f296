"""How does an image file come into the colours that a net takes, and what did that take?"""

from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import InputError
from ._image_colours import in_colours
from ._image_file import Opened, open_image

if TYPE_CHECKING:
    from PIL import Image

MODES = {1: "L", 3: "RGB"}
"""Pillow's names of the colours of a net, by its number of channels."""


@dataclass(frozen=True)
class Coloured:
    """An image in grey or RGB, upright.

    Attributes:
        image: its pixels; of a JPEG fewer than the file has, if fewer were said to be enough.
        size: width and height that it has in the file, upright.
        notes: the conversions, in words.
    """

    image: "Image.Image"
    size: tuple[int, int]
    notes: tuple[str, ...]


def coloured(
    path: Path | str, channels: int, enough: tuple[int, int] | None = None, held: ExitStack | None = None
) -> Coloured:
    """Read an image file in grey (1 channel) or colours (3); what is transparent becomes black.

    Args:
        path: an image file.
        channels: of the net.
        enough: height and width that are enough, see `open_image`.
        held: holds room for the pixels, see there.

    Raises:
        InputError: it cannot be read, does not say what is white, or a net of so many channels takes no images.
    """
    if channels not in MODES:
        raise InputError(f"the net takes images of {channels} channels; image files have 1 or 3")
    wanted = MODES[channels]
    opened = open_image(path, wanted, enough, held)
    notes = [f"the first of {opened.pictures} pictures in it"] if opened.pictures > 1 else []
    image = opened.image
    if image.mode != wanted or image.has_transparency_data:
        same = image.mode == wanted
        notes.append("transparent made black" if same else f"colours {image.mode} converted to {wanted}")
        image = _converted(path, opened, wanted)
    elif opened.mode != wanted:
        notes.append(f"colours {opened.mode} converted to {wanted}")
    return Coloured(image, opened.size, tuple(notes))


def _converted(path: Path | str, opened: Opened, wanted: str) -> "Image.Image":
    try:
        return in_colours(opened.image, wanted, opened.scale)
    except ValueError as error:
        raise InputError(f"{path}: {error}") from None
