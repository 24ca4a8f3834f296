"""What does the model see in these images, and where is it wrong?"""

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from ..errors import InputError
from ..files import atomic_write
from ._arguments import check_length, check_png, class_numbers, shares
from ._sheet import INK, Cell, Line, draw_sheet

RIGHT = "#1b7f3b"
WRONG = "#c5221f"
NEUTRAL = "#5f6368"


def contact_sheet(
    images: Tensor,
    predictions: Sequence[int] | Tensor,
    probabilities: Sequence[float] | Tensor,
    classes: Sequence[str],
    path: Path | str,
    *,
    labels: Sequence[int] | Tensor | None = None,
    titles: Sequence[str] | None = None,
) -> None:
    """Draw a grid of images with what was predicted for each, and write it as PNG.

    With labels, frame and text are green where the prediction is right and red where it is wrong;
    a wrong one also names the true class, and the header counts the right ones. Without labels
    (one's own photos) frames are grey.

    Args:
        images: uint8, shape (N, C, H, W), with N at least 1 and C 1 (grey) or 3 (RGB).
        predictions: N class numbers.
        probabilities: N numbers from 0 to 1, those of the predicted classes.
        classes: the names of all classes.
        path: the PNG file; it appears whole or not at all.
        labels: N true class numbers, where they are known.
        titles: N lines to stand below the images, such as file names.

    Raises:
        InputError: `path` has another suffix than `.png`.
        ValueError: a shape, a dtype, a length, a class number or a probability that does not fit.
        OSError: the file cannot be written.

    Example:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp()) / "sheet.png"
        >>> images = torch.zeros(2, 1, 28, 28, dtype=torch.uint8)
        >>> contact_sheet(images, [0, 1], [0.9, 0.6], ["shirt", "coat"], path, labels=[0, 0])
        >>> path.read_bytes()[1:4]
        b'PNG'
    """
    check_png(path)
    _check_images(images)
    count = len(images)
    guesses = class_numbers("predictions", predictions, count, len(classes))
    certainties = shares("probabilities", probabilities, count)
    truths = None if labels is None else class_numbers("labels", labels, count, len(classes))
    if titles is not None:
        check_length("titles", titles, count, "image")
    cells = []
    for i, guess in enumerate(guesses):
        caption = f"{classes[guess]} {100 * certainties[i]:.0f} %"
        if truths is None:
            frame, lines = NEUTRAL, [Line(caption, INK)]
        elif truths[i] == guess:
            frame, lines = RIGHT, [Line(caption, RIGHT)]
        else:
            frame, lines = WRONG, [Line(caption, WRONG), Line(f"is: {classes[truths[i]]}", WRONG)]
        if titles is not None:
            lines.append(Line(titles[i], NEUTRAL))
        cells.append(Cell(images[i], frame, tuple(lines)))
    sheet = draw_sheet(_header(guesses, truths), cells)
    with atomic_write(path) as file:
        sheet.save(file, format="PNG")


def _header(guesses: list[int], truths: list[int] | None) -> str:
    count = len(guesses)
    if truths is None:
        return "1 image" if count == 1 else f"{count} images"
    right = sum(guess == truth for guess, truth in zip(guesses, truths, strict=True))
    return f"{right} of {count} right"


def _check_images(images: Tensor) -> None:
    if images.dtype != torch.uint8:
        raise InputError(
            argument="images",
            expected="dtype torch.uint8 with values from 0 to 255",
            got=str(images.dtype),
            cure="Pass the images as they were before they were normalized.",
        )
    if images.dim() != 4 or images.shape[1] not in (1, 3) or images.numel() == 0:
        raise InputError(
            argument="images",
            expected="shape (N, C, H, W) with at least one image and C = 1 (grey) or 3 (RGB)",
            got=str(tuple(images.shape)),
            cure="Add the missing axes, or drop a fourth channel.",
        )
