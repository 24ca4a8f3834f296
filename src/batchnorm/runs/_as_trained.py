"""Where and how does a run's config have its net and its images?"""

import torch
from torch import nn

from ..data import Augmentation, Batches, Normalization, Source, Split
from ._config import TrainConfig

EVALUATION_BATCH = 500
"""Images that are judged together, if they are small."""
EVALUATION_PIXELS = EVALUATION_BATCH * 64 * 64
"""Pixels that are: what a net computes of 500 larger images would not fit into memory."""


def put(net: nn.Module, device: torch.device, config: TrainConfig) -> nn.Module:
    """Move a net to where, and into the layout in which, a training with this config has it; return it."""
    net.to(device)
    if config.channels_last:
        net.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # torch types only 4-D tensors
    return net


def augmentation_of(config: TrainConfig, source: Source) -> Augmentation | None:
    """Return how a training varies the images of `source`; `None` for not at all."""
    info = source.info
    augmentation = Augmentation(
        flip=config.flip and info.flippable,
        shift=config.shift,
        jitter=config.jitter,
        crop=info.smallest_crop if config.crop is None else config.crop,
    )
    return augmentation if augmentation.varies else None


def evaluation_batch(height: int, width: int) -> int:
    """Return how many images of this size are judged together.

    Example:
        >>> evaluation_batch(28, 28), evaluation_batch(224, 224)
        (500, 40)
    """
    return max(1, min(EVALUATION_BATCH, EVALUATION_PIXELS // (height * width)))


def evaluation_batches(split: Split, normalization: Normalization, config: TrainConfig) -> Batches:
    """Return `split` in order and whole, in batches that only memory limits."""
    return Batches(split, evaluation_batch(*split.shape[2:]), normalization, channels_last=config.channels_last)
