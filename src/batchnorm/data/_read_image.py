"""How does an image file become what a net takes?"""

from pathlib import Path
from typing import TYPE_CHECKING, Literal

import torch
from torch import Tensor

from ..errors import InputError
from ._coloured import Coloured, coloured
from ._crops import central_box
from ._decoded import cover_of, scaled_down
from ._image_file import MOST_PIXELS
from ._image_fitting import fitted, hardly_shows
from ._view import view

if TYPE_CHECKING:
    from PIL import Image

Fit = Literal["pad", "crop"]
"""What becomes of an image of another shape than the net's: bars beside it, or the largest part from its middle."""


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
            takes the largest part from its middle, as the evaluation of a net does that was trained on a folder.
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
        (torch.Size([1, 28, 28]), ('colours RGB converted to L', '40x20 cropped to 20x20 and scaled to 28x28'))
    """
    from PIL import ImageOps

    height, width = size = (image_size, image_size) if isinstance(image_size, int) else image_size
    if height * width > MOST_PIXELS:
        raise InputError(f"the net takes images of {width}x{height} pixels, which is more than {MOST_PIXELS:,} in all")
    read = coloured(path, channels, cover_of(size) if fit == "crop" else None)
    notes = [*read.notes, *hardly_shows(read.image)]
    image = ImageOps.invert(read.image) if invert else read.image
    notes += ["inverted"] if invert else []
    if fit == "crop":
        pixels = scaled_down(image, cover_of(size))
        shown = view(pixels, central_box(pixels.shape[0], pixels.shape[1], size), size)
        return shown, (*notes, *_cropping(read, size))
    try:
        image, fitting = fitted(image, size)
    except ValueError as error:
        raise InputError(f"{path}: {error}") from None
    return _tensor(image), (*notes, *fitting)


def _cropping(read: Coloured, size: tuple[int, int]) -> list[str]:
    """Return what is said of an image of which the middle was taken."""
    width, height = read.size
    left, top, right, bottom = central_box(height, width, size)
    part = f"{right - left}x{bottom - top}"
    said = [f"{width}x{height}"]
    said += [f"cropped to {part}"] if part != said[0] else []
    said += [f"scaled to {size[1]}x{size[0]}"] if (bottom - top, right - left) != size else []
    return [said[0] + " " + " and ".join(said[1:])] if said[1:] else []


def _tensor(image: "Image.Image") -> Tensor:
    pixels = torch.frombuffer(bytearray(image.tobytes()), dtype=torch.uint8)
    return pixels.reshape(image.height, image.width, -1).permute(2, 0, 1).contiguous()
