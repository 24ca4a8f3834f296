"""Which pixels are in an image as somebody's data set gives it: of Pillow, of torch, or of NumPy?"""

from typing import Any

import numpy as np
import torch
from torch import Tensor

_CHANNELS = (1, 3)


def pixels_of(image: Any) -> Tensor:
    """Return the pixels of an image, uint8 of shape (C, H, W); nothing is scaled, and nothing is lost.

    Args:
        image: of Pillow, in grey or RGB; a tensor (C, H, W) or (H, W); an array (H, W, C), (H, W) or (C, H, W). Floats
            are those that `ToTensor` of torchvision makes of bytes, k / 255.

    Raises:
        ValueError: it is none of these, or its floats are no bytes, as after a normalization.

    Example:
        >>> pixels_of(torch.tensor([[0.0, 1.0]])), pixels_of(np.zeros((5, 4, 3), np.uint8)).shape
        (tensor([[[  0, 255]]], dtype=torch.uint8), torch.Size([3, 5, 4]))
    """
    values = _values(image)
    if values.dtype != torch.uint8:
        values = bytes_of(values)
    return values.contiguous()


def _values(image: Any) -> Tensor:
    """The numbers, channels first."""
    if isinstance(image, Tensor):
        values = image.detach().cpu()
        values = values[None] if values.ndim == 2 else values
    elif isinstance(image, np.ndarray):
        values = torch.from_numpy(np.array(image, order="C"))
        values = values[None] if values.ndim == 2 else values
        if values.ndim == 3 and values.shape[2] in _CHANNELS:
            values = values.permute(2, 0, 1)
    elif hasattr(image, "getbands"):
        if image.mode not in ("L", "RGB"):
            raise ValueError(
                f"expected an image in grey or RGB, got mode {image.mode}; convert it: image.convert('RGB')"
            )
        values = torch.from_numpy(np.array(image))
        values = values[None] if values.ndim == 2 else values.permute(2, 0, 1)
    else:
        raise ValueError(f"expected an image of Pillow, a tensor or an array, got a {type(image).__name__}")
    if values.ndim != 3 or values.shape[0] not in _CHANNELS:
        raise ValueError(f"expected one image of 1 or 3 channels, got shape {tuple(image.shape)}")
    return values


def bytes_of(values: Tensor) -> Tensor:
    """Return whole numbers, or floats as `ToTensor` makes them of bytes, as the bytes that they are.

    Raises:
        ValueError: they are none.
    """
    scaled = values.double() * 255 if values.is_floating_point() else values.double()
    whole = scaled.round()
    if not bool(((scaled - whole).abs() < 1e-2).all()) or not bool(((whole >= 0) & (whole <= 255)).all()):
        kind = str(values.dtype).removeprefix("torch.")
        raise ValueError(
            f"expected bytes, or floats from 0 to 1 as ToTensor makes them, got {kind} from {values.min():.3g} to "
            f"{values.max():.3g}; {_cure(values)}"
        )
    return whole.to(torch.uint8)


def _cure(values: Tensor) -> str:
    if values.is_floating_point() and bool(((values == values.round()) & (values >= 0) & (values <= 255)).all()):
        return "convert these whole numbers to uint8"
    return "leave out what normalizes them, which a training does itself"
