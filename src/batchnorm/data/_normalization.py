"""By which constants are pixels scaled before a net sees them?"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from ..errors import InputError
from ..functional import scale_shift
from ._images import Images
from ._in_memory import InMemory
from ._pieces import in_pieces


@dataclass(frozen=True)
class Normalization:
    """Mean and standard deviation of each channel, of pixel values scaled to 0..1.

    `y = (pixel / 255 - mean) / std`. The constants belong to the model: they are taken from its
    training images once and saved with its weights.

    Args:
        mean: one finite number per channel.
        std: one finite number > 0 per channel.

    Raises:
        ValueError: no channel, unequal lengths, a number that is not finite, or a `std` <= 0.

    Example:
        >>> images = torch.tensor([0, 255], dtype=torch.uint8).reshape(2, 1, 1, 1)
        >>> normalization = Normalization.of(images)
        >>> normalization
        Normalization(mean=(0.5,), std=(0.5,))
        >>> normalization.apply(images).flatten()
        tensor([-1.,  1.])
    """

    mean: tuple[float, ...]
    std: tuple[float, ...]

    def __post_init__(self) -> None:
        """Refuse constants that would give NaN or Inf."""
        if not self.mean or len(self.mean) != len(self.std):
            raise InputError(
                expected="mean and std to have one number per channel each",
                got=f"{len(self.mean)} and {len(self.std)}",
            )
        if not all(map(math.isfinite, self.mean + self.std)) or min(self.std) <= 0:
            raise InputError(expected="finite means and finite std > 0", got=f"mean={self.mean}, std={self.std}")

    @classmethod
    def of(cls, images: Tensor | Images) -> "Normalization":
        """The constants of these images: give it training images only.

        The moments are the population's (the variance is divided by the count), in float64. They
        are taken from how often each of the 256 values occurs, so no float copy of the images is
        made. A constant channel carries nothing; it gets `std` 1, so that it comes out as 0.

        Args:
            images: uint8 of shape (N, C, H, W), or what reads such images when they are needed.

        Raises:
            ValueError: another dtype or shape, or no pixel.
        """
        dtype = images.dtype if isinstance(images, Tensor) else torch.uint8
        if dtype != torch.uint8 or len(images.shape) != 4 or not math.prod(images.shape):
            raise InputError(
                argument="images",
                expected="at least one image, uint8 of shape (N, C, H, W)",
                got=f"{dtype} of shape {tuple(images.shape)}",
            )
        counts = InMemory(images).counts() if isinstance(images, Tensor) else images.counts()
        value = torch.arange(256, dtype=torch.float64) / 255
        moments = [_moments(value, channel) for channel in counts.cpu()]
        mean, var = zip(*moments, strict=True)
        return cls(mean, tuple(math.sqrt(v) or 1.0 for v in var))

    def apply(self, images: Tensor, memory_format: torch.memory_format = torch.preserve_format) -> Tensor:
        """Scale pixels (uint8, (N, C, H, W)) to float32 of the same shape.

        Args:
            images: pixel values from 0 to 255.
            memory_format: the layout of the result, `torch.channels_last` for example.

        Raises:
            ValueError: another dtype, or not as many channels as constants.
        """
        if images.dtype != torch.uint8 or images.dim() != 4 or images.shape[1] != len(self.mean):
            raise InputError(
                argument="images",
                expected=f"uint8 of shape (N, {len(self.mean)}, H, W)",
                got=f"{images.dtype} of shape {tuple(images.shape)}",
            )
        # The pair is taken in float64 and rounded once. Pixels are 0..255, so nothing cancels.
        mean, std = (255 * torch.tensor(n, dtype=torch.float64) for n in (self.mean, self.std))
        scale, shift = scale_shift(mean, std.square(), eps=0.0)
        scale, shift = _per_channel(scale, images), _per_channel(shift, images)
        scaled = torch.empty_like(images, dtype=torch.float32, memory_format=memory_format)
        # A piece stays in the processor's cache until its layout is changed, which is slow elsewhere.
        for piece, there in in_pieces(images, scaled):
            there.copy_(piece.to(torch.float32).mul_(scale).add_(shift))
        return scaled

    def to_dict(self) -> dict[str, list[float]]:
        """The constants as plain lists, for a file's metadata."""
        return {"mean": list(self.mean), "std": list(self.std)}

    @classmethod
    def from_dict(cls, data: Mapping[str, object]) -> "Normalization":
        """What `to_dict` gave, read back.

        Raises:
            InputError: it is something else.
        """
        try:
            mean, std = (_numbers(data[key]) for key in ("mean", "std"))
            return cls(mean, std)
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            raise InputError(
                f"normalization: expected lists of numbers 'mean' and 'std', got {data!r} ({error})"
            ) from None


def _per_channel(values: Tensor, images: Tensor) -> Tensor:
    return values.reshape(-1, 1, 1).to(images.device, torch.float32)


def _moments(value: Tensor, counts: Tensor) -> tuple[float, float]:
    """Mean and biased variance of values that occur `counts` times."""
    weight = counts.double() / counts.sum()
    mean = (weight * value).sum()
    return float(mean), float((weight * (value - mean).square()).sum())


def _numbers(entry: object) -> tuple[float, ...]:
    if not isinstance(entry, list | tuple):
        raise TypeError(f"expected a list, got {type(entry).__name__}")
    for number in entry:
        if isinstance(number, bool) or not isinstance(number, int | float):
            raise TypeError(f"expected numbers, got {type(number).__name__}")
    return tuple(float(number) for number in entry)
