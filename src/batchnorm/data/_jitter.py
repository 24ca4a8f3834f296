"""How are the colours of training images varied?"""

import torch
from torch import Tensor

from ..errors import InputError
from ._pieces import in_pieces
from ._share import Part

LUMA = (0.299, 0.587, 0.114)
"""How bright red, green and blue look: ITU-R BT.601, as Pillow and torchvision make images grey."""


def random_jitter(images: Tensor, strength: float, generator: torch.Generator, part: Part | None = None) -> Tensor:
    """Change brightness, contrast and saturation of each image, by factors that are drawn for it.

    With b, c and s uniform from 1 - strength to 1 + strength, grey(x) = 0.299 R + 0.587 G + 0.114 B (an image of one
    channel is grey itself), and everything held between 0 and 255:

        x = round(b x)
        x = c x + (1 - c) mean(grey(x))
        x = round(s x + (1 - s) grey(x))

    Args:
        images: uint8 of shape (N, C, H, W), with C 1 or 3.
        strength: the largest change, from 0 to 1.
        generator: gives 3 N numbers.
        part: which rows of a larger batch the images are; the generator then gives three numbers for each of its rows.

    Returns:
        A new tensor of the same shape and dtype. An image comes out alike, bit for bit, whichever others are with it.

    Raises:
        ValueError: another dtype, shape or number of channels, or a strength that is out of its range.

    Example:
        >>> images = torch.full((4, 1, 1, 1), 100, dtype=torch.uint8)
        >>> random_jitter(images, 0.5, torch.Generator().manual_seed(0)).flatten()
        tensor([100,  63,  99, 113], dtype=torch.uint8)

    Source: what `ColorJitter` of torchvision does, in one order, and without rounding behind the second step.
    torchvision's functions take one factor for a whole batch.
    """
    if not 0 <= strength <= 1:
        raise InputError(argument="strength", expected="a number from 0 to 1", got=str(strength))
    if images.dtype != torch.uint8 or images.dim() != 4 or images.shape[1] not in (1, 3):
        raise InputError(
            argument="images",
            expected="uint8 of shape (N, 1, H, W) or (N, 3, H, W)",
            got=f"{images.dtype} of shape {tuple(images.shape)}",
        )
    drawn = torch.rand(part.count if part else len(images), 3, generator=generator)
    factors = 1 + strength * (2 * (drawn[part.rows] if part else drawn) - 1)
    changed = torch.empty_like(images)
    for piece, there, its_factors in in_pieces(images, changed, factors.to(images.device)):
        there.copy_(_changed(piece, its_factors))
    return changed


def _changed(images: Tensor, factors: Tensor) -> Tensor:
    """Change brightness, contrast and saturation by these factors, (N, 3); float32, but whole numbers."""
    brightness, contrast, saturation = factors.reshape(-1, 3, 1, 1, 1).unbind(1)
    x = images.float().mul_(brightness).clamp_(max=255).round_()
    x = _mixed(x, _mean_grey(x), contrast)
    if images.shape[1] == 3:
        x = _mixed(x, _grey(x), saturation)
    return x.round_()


def _mixed(x: Tensor, grey: Tensor, factor: Tensor) -> Tensor:
    """Move `x` away from grey, or towards it, in place; not by torch's lerp, for the reason of `_grey`."""
    return x.mul_(factor).add_(grey * (1 - factor)).clamp_(0, 255)


def _grey(x: Tensor) -> Tensor:
    """Brightness of each pixel, (N, 1, H, W). In single steps: what a compiler fuses depends on where a pixel lies."""
    if x.shape[1] == 1:
        return x
    red, green, blue = x.unbind(1)
    return (red * LUMA[0]).add_(green * LUMA[1]).add_(blue * LUMA[2])[:, None]


def _mean_grey(x: Tensor) -> Tensor:
    """Mean brightness of each image, (N, 1, 1, 1). Sums of whole numbers are exact in float64, in whatever order."""
    sums = x.sum((2, 3), keepdim=True, dtype=torch.float64)
    return (_grey(sums) / (x.shape[2] * x.shape[3])).float()
