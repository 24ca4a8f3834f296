"""Is it the size of the images that a net cannot take? Many reduce small ones to nothing."""

import contextlib
from collections.abc import Callable

from torch import Tensor

SIZES = (32, 64, 128, 224)
"""Sides of images that are tried; most nets halve them five times."""


def other_size(forward: Callable[[Tensor], object], images: Tensor) -> str:
    """Return what to do, if a forward that failed with these images does not fail with larger ones; nothing if it does.

    Args:
        forward: of the net.
        images: (N, C, H, W), with which it failed.

    Example:
        >>> import torch
        >>> from torch import nn
        >>> other_size(nn.Conv2d(1, 1, 40), torch.zeros(2, 1, 28, 28))
        'It takes images of 64x64: train another net, or images of that size.'
    """
    for size in SIZES:
        if size > min(images.shape[-2:]):
            with contextlib.suppress(Exception):  # then that is not the reason
                forward(images.new_zeros((*images.shape[:2], size, size)).normal_())
                return f"It takes images of {size}x{size}: train another net, or images of that size."
    return ""
