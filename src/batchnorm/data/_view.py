"""How does a part of an image come to the size of the net's images?"""

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor

from ._crops import Box


def view(pixels: npt.NDArray[np.uint8], box: Box, size: tuple[int, int]) -> Tensor:
    """Resample a part of an image, bilinearly and with antialiasing, by `torch.nn.functional.interpolate`.

    Where the part has that size already, its pixels are copied, bit for bit.

    Args:
        pixels: uint8 of shape (h, w, C); what cannot be written to is copied first, so map files with mode "c".
        box: left, top, right and bottom of the part, in whole pixels, inside the image.
        size: height and width of the result.

    Returns:
        uint8 of shape (C, H, W), contiguous, and no view of `pixels`.

    Example:
        >>> pixels = np.arange(12, dtype=np.uint8).reshape(2, 6, 1)
        >>> view(pixels, (1, 0, 3, 2), (2, 2))
        tensor([[[1, 2],
                 [7, 8]]], dtype=torch.uint8)
        >>> view(pixels, (0, 0, 6, 2), (1, 3))
        tensor([[[4, 6, 7]]], dtype=torch.uint8)
    """
    left, top, right, bottom = box
    seen = pixels[top:bottom, left:right]
    # torch warns of arrays that it must not write to, as it has no tensors of that kind.
    part = torch.from_numpy(seen if seen.flags.writeable else seen.copy())[None].permute(0, 3, 1, 2)
    if part.shape[2:] == size:
        return part[0].clone(memory_format=torch.contiguous_format)
    # Channels stay last in memory: so torch has its fast path for bytes, several times as fast as Pillow's. It takes it
    # only if the strides say so for a batch, too, as they do not where the batch's dimension comes last.
    return F.interpolate(part, size, mode="bilinear", antialias=True)[0].contiguous()
