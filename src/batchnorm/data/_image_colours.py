"""Which grey or colours does an image show? Numbers beyond 0 to 255 are scaled by what white is, or refused."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from PIL import Image

BITS, MEANING_OF_ZERO = 258, 262
"""Tags of TIFF: BitsPerSample, and PhotometricInterpretation, where 0 means that zero is white."""


@dataclass(frozen=True)
class Scale:
    """What the numbers of a file mean, as its header says.

    Attributes:
        white: the number of white; `None` where nothing says it.
        zero_is_white: the file counts from white to black, and Pillow did not turn it.
    """

    white: int | None
    zero_is_white: bool = False

    @classmethod
    def of(cls, opened: "Image.Image") -> "Scale":
        """Read it from an image just opened, for a copy has no header any more."""
        tags: Any = getattr(opened, "tag_v2", {})
        wide = opened.mode.startswith("I;16") or opened.mode == "F"
        turned = wide and tags.get(MEANING_OF_ZERO) == 0
        if opened.mode.startswith("I;16"):
            return cls(2 ** tags.get(BITS, (16,))[0] - 1, turned)
        # Pillow brings these two to 16 bits itself; elsewhere 32 bits may count anything.
        known = opened.mode == "I" and opened.format in ("PNG", "PPM")
        return cls(65535 if known else None, turned)


def in_colours(image: "Image.Image", wanted: str, scale: Scale) -> "Image.Image":
    """Convert an image to `"L"` or `"RGB"`: what is transparent becomes black, more than 8 bits are scaled.

    Raises:
        ValueError: nobody says which number is white, or Pillow cannot convert its colours.
    """
    from PIL import Image

    if image.mode.startswith("I") or image.mode == "F":
        return _scaled(image, scale).convert(wanted)
    if image.mode == "La":  # Pillow converts it to nothing else
        image = image.convert("LA")
    if image.has_transparency_data:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "black"), image)
    return image.convert(wanted)


def _scaled(image: "Image.Image", scale: Scale) -> "Image.Image":
    """Return the grey of whole numbers or floats in 8 bits."""
    from PIL import Image

    values = np.asarray(image)
    if image.mode == "F":
        grey = np.rint(_fractions(values) * 255)
    else:
        grey = _whole(values, scale.white) * 255 // (scale.white or 1)
    if scale.zero_is_white:
        grey = 255 - grey
    # One number may stand for what is transparent, in PNG.
    if (hidden := image.info.get("transparency")) is not None:
        grey = np.where(values == hidden, 0, grey)
    return Image.fromarray(grey.astype(np.uint8))


def _fractions(values: Any) -> Any:
    """Take floats from 0 to 1, as is the custom; what others mean, nobody knows."""
    if not np.isfinite(values).all():
        raise ValueError("holds numbers that are not finite")
    if values.min() < 0 or values.max() > 1:
        raise ValueError(
            f"holds floats from {values.min():g} to {values.max():g}, and which is white is not said; scale them to "
            "0 to 1, or save it with 8 bits"
        )
    return values.astype(np.float64)


def _whole(values: Any, white: int | None) -> Any:
    if white is None:
        raise ValueError(
            f"holds whole numbers from {values.min()} to {values.max()}, and which is white is not said; save it with "
            "8 bits, or 16 without a sign"
        )
    return values.astype(np.int64).clip(0, white)
