"""How does an image file become what a net takes?"""

from pathlib import Path
from typing import TYPE_CHECKING, Literal

import torch
from torch import Tensor

from ..errors import InputError
from ._image_colours import in_colours
from ._image_file import MOST_PIXELS, open_image
from ._image_fitting import cropped, fitted, hardly_shows

if TYPE_CHECKING:
    from PIL import Image

Fit = Literal["pad", "crop"]
"""What becomes of an image of another shape than the net's: bars beside it, or the largest part from its middle."""
MODES = {1: "L", 3: "RGB"}
"""Pillow's names of the colours of a net, by its number of channels."""


def read_image(
    path: Path | str,
    *,
    channels: int,
    image_size: int | tuple[int, int],
    fit: Fit = "pad",
    invert: bool = False,
) -> tuple[Tensor, tuple[str, ...]]:
    """Read an image file as the pixels that a net takes, and say which conversions that took.

    The image is turned as its EXIF data say, converted to the net's colours (one channel: grey), and scaled to the
    net's size. What is transparent becomes black; white is the largest number of 16 bits, and 1 of floats.

    Args:
        path: a PNG, JPEG, WebP, TIFF, GIF, BMP or PPM file of at most 67 million pixels.
        channels: 1 or 3.
        image_size: of the net; one number for a square, or height and width.
        fit: what happens to an image of another shape than the net's: `"pad"` adds black bars beside it, `"crop"`
            takes the largest part from its middle.
        invert: swap dark and light, for sets whose objects are light on black (Fashion-MNIST) and photographs on white.

    Returns:
        uint8 of shape (C, H, W), and the conversions in words.

    Raises:
        InputError: no such file, another kind, a larger or a damaged one, one that does not say what is white, or one
            so long that nothing of it is left.

    Example:
        >>> import tempfile
        >>> from PIL import Image
        >>> path = Path(tempfile.mkdtemp()) / "white.png"
        >>> Image.new("RGB", (40, 20), "white").save(path)
        >>> pixels, notes = read_image(path, channels=1, image_size=28, fit="crop")
        >>> pixels.shape, notes
        (torch.Size([1, 28, 28]), ('colours RGB converted to L', '40x20 cropped to its middle and scaled to 28x28'))
    """
    from PIL import ImageOps

    height, width = (image_size, image_size) if isinstance(image_size, int) else image_size
    if channels not in MODES:
        raise InputError(f"the net takes images of {channels} channels; image files have 1 or 3")
    if height * width > MOST_PIXELS:
        raise InputError(f"the net takes images of {width}x{height} pixels, which is more than {MOST_PIXELS:,} in all")
    image, notes = _in_colours(path, MODES[channels])
    notes += hardly_shows(image)
    if invert:
        notes.append("inverted")
        image = ImageOps.invert(image)
    try:
        image, fitting = (cropped if fit == "crop" else fitted)(image, (height, width))
    except ValueError as error:
        raise InputError(f"{path}: {error}") from None
    notes += fitting
    pixels = torch.frombuffer(bytearray(image.tobytes()), dtype=torch.uint8)
    return pixels.reshape(height, width, channels).permute(2, 0, 1).contiguous(), tuple(notes)


def _in_colours(path: Path | str, wanted: str) -> "tuple[Image.Image, list[str]]":
    """Return an image in grey or RGB, and what was done to its colours."""
    image, scale, pictures = open_image(path)
    notes = [f"the first of {pictures} pictures in it"] if pictures > 1 else []
    if image.mode == wanted and not image.has_transparency_data:
        return image, notes
    notes.append("transparent made black" if image.mode == wanted else f"colours {image.mode} converted to {wanted}")
    try:
        return in_colours(image, wanted, scale), notes
    except ValueError as error:
        raise InputError(f"{path}: {error}") from None
