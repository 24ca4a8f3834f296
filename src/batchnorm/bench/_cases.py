"""What is measured? The shapes of three nets' norms in both layouts, the nets themselves, and how often."""

import math
from dataclasses import dataclass
from typing import Literal, get_args

import torch

from ..errors import InputError, did_you_mean
from ..functional import check_activation, check_route

Family = Literal["bn+act", "bn+add+act", "bn+act+pool"]
MemoryFormat = Literal["nchw", "channels_last"]
Dtype = Literal["float32", "float64", "bfloat16"]
NetName = Literal["ConvBNNet", "resnet20", "resnet18"]

FAMILIES: tuple[Family, ...] = get_args(Family)
"""What may follow a norm, each with shapes of its own."""
MEMORY_FORMATS: tuple[MemoryFormat, ...] = get_args(MemoryFormat)
"""The memory formats that are measured."""
DTYPES: tuple[Dtype, ...] = get_args(Dtype)
"""The dtypes that are measured."""

Shape = tuple[int, ...]


def _square(batch: int, *pairs: tuple[int, int]) -> tuple[Shape, ...]:
    return tuple((batch, channels, side, side) for channels, side in pairs)


# The distinct pairs of the original net, whose strides stand in the 1×1 convolutions (He et al., 2015, table 1).
_RESNET50_SUMS = _square(32, (256, 56), (512, 28), (1024, 14), (2048, 7))
_RESNET50 = _square(
    32, (64, 112), (64, 56), (256, 56), (128, 28), (512, 28), (256, 14), (1024, 14), (512, 7), (2048, 7)
)
_RESNET20 = _square(128, (16, 28), (32, 14), (64, 7))
_CONV_BN_NET = _square(128, (32, 28), (64, 14))

SHAPES: dict[Family, tuple[Shape, ...]] = {
    "bn+act": (*_RESNET50, *_CONV_BN_NET, *_RESNET20),
    "bn+add+act": (*_RESNET50_SUMS, *_RESNET20),
    "bn+act+pool": _CONV_BN_NET,
}
"""The shapes of every family: those of the norms of ResNet-50, ConvBNNet and ResNet-20 that are followed so."""


@dataclass(frozen=True)
class LayerCase:
    """One norm with what follows it, on one tensor.

    Args:
        family: "bn+act" (activation behind the norm), "bn+add+act" (a residual is added before it), "bn+act+pool"
            (a max-pool of 2×2 behind it).
        shape: of the input, (N, C, *).
        memory_format: "nchw" for any contiguous tensor, "channels_last" for four axes or five.
        dtype: of the input; bfloat16 goes with float32 parameters and statistics.
        activation: a name of `batchnorm.functional.ACTIVATIONS`, or "identity".

    Raises:
        InputError: an unknown name, or a shape that the family, the format or training cannot take.
    """

    family: Family
    shape: Shape
    memory_format: MemoryFormat = "nchw"
    dtype: Dtype = "float32"
    activation: str = "relu"

    def __post_init__(self) -> None:
        for name, known in (("family", FAMILIES), ("memory_format", MEMORY_FORMATS), ("dtype", DTYPES)):
            got = getattr(self, name)
            if got not in known:
                hint = did_you_mean(str(got), known)
                raise InputError(argument=name, expected=f"one of {', '.join(known)}", got=repr(got), cure=hint)
        if self.activation != "identity":
            check_activation(self.activation)
        if (wrong := self._wrong_shape()) is not None:
            raise InputError(argument="shape", expected=wrong, got=str(self))

    def _wrong_shape(self) -> str | None:
        """Return what was expected, if the shape does not do."""
        if not 2 <= len(self.shape) <= 5 or min(self.shape) < 1:
            return "two to five sizes of at least 1, such as 32x64x112x112"
        if math.prod(self.shape) == self.shape[1]:
            return "more than one value per channel, for training"
        if self.family == "bn+act+pool" and (len(self.shape) != 4 or min(self.shape[2:]) < 2):
            return "four sizes, images of 2x2 and more, for a pool"
        if self.memory_format == "channels_last" and len(self.shape) not in (4, 5):
            return "four sizes, or five, for channels_last"
        return None

    def __str__(self) -> str:
        """Show it in one line."""
        sizes = "x".join(map(str, self.shape))
        return f"{self.family} {sizes} {self.memory_format} {self.dtype} {self.activation}"

    @property
    def torch_dtype(self) -> torch.dtype:
        """The dtype, as torch's."""
        dtype: torch.dtype = getattr(torch, self.dtype)
        return dtype

    @property
    def torch_format(self) -> torch.memory_format:
        """The memory format, as torch's."""
        if self.memory_format == "nchw":
            return torch.contiguous_format
        return torch.channels_last if len(self.shape) == 4 else torch.channels_last_3d

    @property
    def activation_name(self) -> str | None:
        """The activation as `batch_norm` takes it."""
        return None if self.activation == "identity" else self.activation


@dataclass(frozen=True)
class NetCase:
    """A whole training step of one of the package's nets, on square images."""

    net: NetName
    batch: int
    in_channels: int
    image_size: int

    def __str__(self) -> str:
        """Show it in one line."""
        return f"{self.net} step, {self.batch} images {self.in_channels}x{self.image_size}x{self.image_size}"


NETS = (NetCase("ConvBNNet", 128, 1, 28), NetCase("resnet20", 128, 1, 28), NetCase("resnet18", 32, 3, 64))
"""The nets whose steps are measured."""


@dataclass(frozen=True)
class Settings:
    """How it is measured.

    Args:
        route: which of our routes the layer rows time; the nets take "auto" unless another is named in `net_route`.
        net_route: the route of our layers in whole steps.
        rounds: timed calls of every arm.
        warmup: calls of every arm before the clock.
        threads: torch's.
        compiled: whether torch.compile takes part.

    Raises:
        InputError: an unknown route, or a number below 1.
    """

    route: str = "fused"
    net_route: str = "auto"
    rounds: int = 15
    warmup: int = 3
    threads: int = 1
    compiled: bool = True

    def __post_init__(self) -> None:
        for name in ("rounds", "warmup", "threads"):
            if (got := getattr(self, name)) < 1:
                raise InputError(argument=name, expected="an integer of at least 1", got=str(got))
        for route in (self.route, self.net_route):
            check_route(route)


def layer_cases(
    families: tuple[Family, ...] = FAMILIES,
    shape: Shape | None = None,
    memory_formats: tuple[MemoryFormat, ...] = MEMORY_FORMATS,
    dtype: Dtype = "float32",
    activation: str = "relu",
) -> tuple[LayerCase, ...]:
    """List the rows: all shapes of the families, or the one that is named, in all those layouts.

    Raises:
        InputError: as `LayerCase`.

    Example:
        >>> [str(case) for case in layer_cases(("bn+act",), (8, 3, 4, 4), ("nchw",))]
        ['bn+act 8x3x4x4 nchw float32 relu']
        >>> len(layer_cases())
        46
    """
    return tuple(
        LayerCase(family, size, memory_format, dtype, activation)
        for family in families
        for size in (SHAPES[family] if shape is None else (shape,))
        for memory_format in memory_formats
    )
