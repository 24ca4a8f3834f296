"""Where and how does a run's config have its net and its images?"""

import torch
from torch import nn

from ..data import Augmentation, Batches, Normalization, Source, Split
from ._config import TrainConfig

EVALUATION_BATCH = 500


def put(net: nn.Module, device: torch.device, config: TrainConfig) -> nn.Module:
    """Move a net to where, and into the layout in which, a training with this config has it; return it."""
    net.to(device)
    if config.channels_last:
        net.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # torch types only 4-D tensors
    return net


def augmentation_of(config: TrainConfig, source: Source) -> Augmentation | None:
    """Return how a training varies the images of `source`; `None` for not at all."""
    augmentation = Augmentation(flip=config.flip and source.info.flippable, shift=config.shift)
    return augmentation if augmentation.flip or augmentation.shift else None


def evaluation_batches(split: Split, normalization: Normalization, config: TrainConfig) -> Batches:
    """Return `split` in order and whole, in batches that only memory limits."""
    return Batches(split, EVALUATION_BATCH, normalization, channels_last=config.channels_last)
