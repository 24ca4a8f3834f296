"""Which test images show best what a model sees? Its surest mistakes, and some that it has right."""

import base64
import io
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from ..data import Split
from ..records import Prediction, SampleImage
from ._as_trained import evaluation_batch
from ._model_file import ModelCard
from ._predict import classify
from ._predict_run import finite

LOOKED_AT = 1_000
"""So many test images are asked for mistakes, drawn at random but always the same."""

_SIDE = 96
"""A larger image is made smaller: a page has many."""


def sample_images(net: nn.Module, card: ModelCard, split: Split, count: int) -> tuple[SampleImage, ...]:
    """Return test images with what a model says of them, up to two thirds of them its surest mistakes.

    Args:
        net: in evaluation mode.
        card: its card.
        split: the test images.
        count: how many; no more than there are.
    """
    places = torch.randperm(len(split), generator=torch.Generator().manual_seed(0))[:LOOKED_AT].sort().values
    said = [
        one for part in torch.split(places, evaluation_batch(*split.shape[2:])) for one in _said(net, card, split, part)
    ]
    known = [(place, one) for place, one in zip(places.tolist(), said, strict=True) if one.problem is None]
    wrong = [pair for pair in known if pair[1].classes[0] != pair[1].label]
    right = [pair for pair in known if pair[1].classes[0] == pair[1].label]
    wrong.sort(key=lambda pair: -pair[1].probabilities[0])
    mistakes = wrong[: max(2 * count // 3, count - len(right))]
    chosen = mistakes + right[: count - len(mistakes)]
    pixels = split.read(torch.tensor([place for place, _ in chosen], dtype=torch.int64)) if chosen else ()
    return tuple(SampleImage(one, _png(image)) for (_, one), image in zip(chosen, pixels, strict=True))


def _said(net: nn.Module, card: ModelCard, split: Split, places: Tensor) -> Sequence[Prediction]:
    names = [f"test image {place}" for place in places.tolist()]
    return [*map(finite, classify(net, card, split.read(places), names, labels=split.labels[places].tolist()))]


def _png(pixels: Tensor) -> str:
    """An image of shape (C, H, W) as the base64 text of a small PNG file; of other than 3 channels the first."""
    from PIL import Image

    shown = pixels if len(pixels) == 3 else pixels[0]
    image = Image.fromarray((shown.permute(1, 2, 0) if shown.dim() == 3 else shown).contiguous().cpu().numpy())
    image.thumbnail((_SIDE, _SIDE))
    file = io.BytesIO()
    image.save(file, format="PNG", optimize=True)
    return base64.b64encode(file.getvalue()).decode()
