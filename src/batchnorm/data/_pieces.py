"""How many images of a batch are computed with at once?"""

import math
from collections.abc import Iterator

import torch
from torch import Tensor

VALUES = 2**18
"""Numbers of a piece: what is made of so many bytes, in float32, fits into a processor's cache."""


def in_pieces(images: Tensor, *others: Tensor) -> Iterator[tuple[Tensor, ...]]:
    """Cut a batch, (N, C, H, W), and what belongs to its images, (N, ...), into views of some images each.

    Elsewhere than on a CPU there is one piece.

    Example:
        >>> images, labels = torch.zeros(6, 3, 256, 256), torch.arange(6)
        >>> [some.tolist() for _, some in in_pieces(images, labels)]
        [[0], [1], [2], [3], [4], [5]]
        >>> [len(small) for (small,) in in_pieces(torch.zeros(6, 1, 28, 28))]
        [6]
    """
    each = max(1, math.prod(images.shape[1:]))
    size = max(1, VALUES // each if images.device.type == "cpu" else len(images))
    return zip(*(torch.split(one, size) for one in (images, *others)), strict=True)
