"""What must the way back know of a sum or a pool? Bits, as many as the sizes and the layout of x say."""

from math import prod

import torch
from torch import Tensor

from ._layout import Rows, layout_of


def pool_mask_bytes(x: Tensor) -> int:
    """The size of a pool's masks: four bytes for eight windows, which lie along what is innermost in x."""
    n, c, height, width = x.shape
    if x.is_contiguous() or not x.is_contiguous(memory_format=torch.channels_last):
        return 4 * n * c * (height // 2) * ((width // 2 + 7) // 8)
    return 4 * n * (height // 2) * (width // 2) * ((c + 7) // 8)


def mask_bytes(x: Tensor) -> int:
    """The size of the masks of a sum."""
    n, c = x.shape[:2]
    length = prod(x.shape[2:])
    if length > 1 and (c == 1 or x.stride(1) != 1):  # rows, which need not be contiguous
        return n * c * ((length + 7) // 8)
    return (n * c * length + 7) // 8


def unpack_masks(masks: Tensor, x: Tensor) -> Tensor:
    """The masks of a sum as truth values, in the shape of x."""
    n, c = x.shape[:2]
    bits = (masks[:, None] >> torch.arange(8, dtype=torch.uint8)) & 1
    if isinstance(layout_of(x), Rows):
        rows = bits.reshape(n * c, -1)[:, : prod(x.shape[2:])]
        return rows.reshape(x.shape).bool()
    columns = bits.reshape(-1)[: x.numel()].reshape(n, *x.shape[2:], c)
    return columns.movedim(-1, 1).bool()
