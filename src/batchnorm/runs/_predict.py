"""What a trained model says of images."""

import itertools
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from ..errors import InputError
from ..records import Prediction
from ._as_trained import evaluation_batch
from ._model_file import ModelCard


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
