"""What must the way back know of a sum or a pool? Bits, as many as the sizes and the layout of x say."""

from collections.abc import Sequence
from math import prod

import torch
from torch import Tensor

from ._layout import Rows, layout_of


def pool_mask_bytes(x: Tensor) -> int:
    """The size of a pool's masks."""
    return bytes_of_pool(x.shape, rows=x.is_contiguous() or not x.is_contiguous(memory_format=torch.channels_last))


def mask_bytes(x: Tensor) -> int:
    """The size of the masks of a sum."""
    # Rows need not be contiguous.
    return bytes_of_sum(x.shape, rows=prod(x.shape[2:]) > 1 and (x.shape[1] == 1 or x.stride(1) != 1))


def bytes_of_pool(shape: Sequence[int], *, rows: bool) -> int:
    """Four bytes for eight windows, which lie along what is innermost in x."""
    n, c, height, width = shape
    if rows:
        return 4 * n * c * (height // 2) * ((width // 2 + 7) // 8)
    return 4 * n * (height // 2) * (width // 2) * ((c + 7) // 8)


def bytes_of_sum(shape: Sequence[int], *, rows: bool) -> int:
    """A bit a value; each of the rows begins a byte."""
    length = prod(shape[2:])
    return shape[0] * shape[1] * ((length + 7) // 8) if rows else (shape[0] * shape[1] * length + 7) // 8


def unpack_masks(masks: Tensor, x: Tensor, sizes: Sequence[int] | None = None) -> Tensor:
    """The masks of a sum as truth values, in the shape of x; of slices of these sizes, which each begin a byte."""
    if sizes is not None:
        parts = x.split_with_sizes(sizes)
        bits_of = masks.split_with_sizes([mask_bytes(part) for part in parts])
        return torch.cat([unpack_masks(own, part) for own, part in zip(bits_of, parts, strict=True)])
    n, c = x.shape[:2]
    bits = (masks[:, None] >> torch.arange(8, dtype=torch.uint8)) & 1
    if isinstance(layout_of(x), Rows):
        rows = bits.reshape(n * c, -1)[:, : prod(x.shape[2:])]
        return rows.reshape(x.shape).bool()
    columns = bits.reshape(-1)[: x.numel()].reshape(n, *x.shape[2:], c)
    return columns.movedim(-1, 1).bool()
