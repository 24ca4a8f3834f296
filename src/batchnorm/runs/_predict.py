"""What a trained model says of images, and how an image file becomes what the model takes."""

import itertools
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor, nn

from ..errors import InputError
from ..records import Prediction
from ._as_trained import evaluation_batch
from ._image_colours import in_colours
from ._image_file import MOST_PIXELS, open_image
from ._image_fitting import fitted, hardly_shows
from ._model_file import ModelCard


def read_image(path: Path | str, card: ModelCard, *, invert: bool = False) -> tuple[Tensor, tuple[str, ...]]:
    """Read an image file as the pixels that the card's model takes, and say which conversions that took.

    The image is turned as its EXIF data say, converted to the net's colours (one channel: grey), and fitted into the
    net's square: scaled to it, with black bars beside it if it is not square. What is transparent becomes black; white
    is the largest number of 16 bits, and 1 of floats.

    Args:
        path: a PNG, JPEG, WebP, TIFF, GIF, BMP or PPM file of at most 67 million pixels.
        card: says how many channels and pixels the net wants.
        invert: swap dark and light, for sets whose objects are light on black (Fashion-MNIST) and photographs on white.

    Returns:
        uint8 of shape (C, H, W), and the conversions in words.

    Raises:
        InputError: no such file, another kind, a larger or a damaged one, one that does not say what is white, or one
            so long that nothing of it is left in the square.
    """
    from PIL import ImageOps

    wanted, size = {1: "L", 3: "RGB"}.get(card.in_channels), card.image_size
    if wanted is None:
        raise InputError(f"the net takes images of {card.in_channels} channels; image files have 1 or 3")
    if size * size > MOST_PIXELS:
        raise InputError(f"the net takes images of {size}x{size} pixels, which is more than {MOST_PIXELS:,} in all")
    image, scale, pictures = open_image(path)
    notes = [f"the first of {pictures} pictures in it"] if pictures > 1 else []
    if image.mode != wanted or image.has_transparency_data:
        same = image.mode == wanted
        notes.append("transparent made black" if same else f"colours {image.mode} converted to {wanted}")
        try:
            image = in_colours(image, wanted, scale)
        except ValueError as error:
            raise InputError(f"{path}: {error}") from None
    notes += hardly_shows(image)
    if invert:
        notes.append("inverted")
        image = ImageOps.invert(image)
    try:
        image, fitting = fitted(image, size)
    except ValueError as error:
        raise InputError(f"{path}: {error}") from None
    notes += fitting
    pixels = torch.frombuffer(bytearray(image.tobytes()), dtype=torch.uint8)
    return pixels.reshape(size, size, card.in_channels).permute(2, 0, 1).contiguous(), tuple(notes)


@torch.no_grad()
def classify(
    net: nn.Module,
    card: ModelCard,
    images: Tensor,
    names: Sequence[str],
    *,
    top: int = 3,
    notes: Sequence[tuple[str, ...]] = (),
    labels: Sequence[int] = (),
) -> list[Prediction]:
    """Return the `top` most probable classes of each image.

    Args:
        net: in evaluation mode, from `load_run`.
        card: its card.
        images: uint8 of shape (N, C, H, W), on any device.
        names: what to call each image, N of them.
        top: how many classes; no more than there are.
        notes: what was done to each image before; N of them or none.
        labels: the true class numbers; N of them or none.

    Raises:
        InputError: `top` is below 1.
    """
    if top < 1:
        raise InputError(argument="top", expected="an integer of at least 1", got=str(top))
    parts = (part.to(device_of(net)) for part in torch.split(images, evaluation_batch(*images.shape[2:])))
    outputs = [net(card.normalization.apply(part)).float() for part in parts]
    probabilities = torch.cat(outputs).softmax(1)
    values, places = probabilities.topk(min(top, len(card.classes)))
    return [
        Prediction(
            image=str(name),
            classes=tuple(card.classes[place] for place in places[index].tolist()),
            probabilities=tuple(values[index].tolist()),
            notes=notes[index] if notes else (),
            label=card.classes[labels[index]] if labels else None,
        )
        for index, name in enumerate(names)
    ]


def device_of(net: nn.Module) -> torch.device:
    """Return where a model's first tensor lies; the CPU, if it has none."""
    first = next(itertools.chain(net.parameters(), net.buffers()), None)
    return torch.device("cpu") if first is None else first.device
