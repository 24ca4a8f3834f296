"""What is left of an image in the height and width that a net takes?"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from PIL import Image

DARK = 32
"""Of 255: an image none of whose numbers is larger shows hardly anything, as one of 12 bits that are stored in 16."""


def fitted(image: "Image.Image", size: tuple[int, int]) -> "tuple[Image.Image, list[str]]":
    """Scale an image into a height and width, with black bars beside it if its shape is another; and say so.

    Raises:
        ValueError: it is so long that not one row of its pixels would be left.

    Example:
        >>> from PIL import Image
        >>> image, notes = fitted(Image.new("L", (400, 50)), (28, 28))
        >>> image.size, notes
        ((28, 28), ['400x50 fitted into 28x28', 'it fills 28x4 of these, the rest is black; crop it to see more'])
    """
    from PIL import ImageOps

    height, width = size
    if image.size == (width, height):
        return image, []
    notes = [f"{image.width}x{image.height} fitted into {width}x{height}"]
    scale = min(width / image.width, height / image.height)
    left = [round(side * scale) for side in image.size]  # as Pillow rounds
    if not all(left):
        raise ValueError(
            f"it has {image.width}x{image.height} pixels, of which nothing is left in the {width}x{height} that the "
            "net takes; crop it"
        )
    if 4 * left[0] <= width or 4 * left[1] <= height:
        notes.append(f"it fills {left[0]}x{left[1]} of these, the rest is black; crop it to see more")
    return ImageOps.pad(image, (width, height)), notes


def hardly_shows(image: "Image.Image") -> list[str]:
    """Return a note if an image of grey or colours is black, or hardly more.

    Example:
        >>> from PIL import Image
        >>> hardly_shows(Image.new("L", (9, 9), 3)), hardly_shows(Image.new("RGB", (9, 9), "blue"))
        (['very dark: its largest number is 3 of 255'], [])
    """
    found: Any = image.getextrema()
    brightest = max(high for _, high in ([found] if len(image.getbands()) == 1 else found))
    if brightest >= DARK:
        return []
    return [f"very dark: its largest number is {brightest} of 255" if brightest else "black: it shows nothing"]
