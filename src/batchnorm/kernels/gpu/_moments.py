"""Which tensors have a kernel, and into how many programs is one cut?"""

import warnings
from functools import cache
from importlib.util import find_spec
from math import ceil
from typing import Any

import torch
from torch import Tensor

from .._unusable import UnusableKernelsError

DTYPES = (torch.float32, torch.float64, torch.float16, torch.bfloat16)
LARGEST = 2**31 - 2**16
"""Values of a tensor whose numbers fit into 32 bits, the last tile's included."""
TILE = 1024
"""Values that a program reads at a time."""
WIDEST = 64
"""Channels side by side in a tile, where they lie side by side in memory."""
PER_PROCESSOR = 8
"""Programs for each multiprocessor, if there are values enough."""

_WORKED: list[bool] = []  # whether Triton has compiled anything, or could not


def takes(x: Tensor) -> bool:
    """Whether there is a kernel for a tensor: on a GPU of CUDA or ROCm, plain, with values, its spatial axes as one."""
    return x.device.type == "cuda" and fits(x) and usable()


def usable() -> bool:
    """Whether Triton is here, and has not failed yet."""
    return _WORKED != [False] and _installed()


def fits(x: Tensor) -> bool:
    """Whether a tensor is one for the kernel, wherever it lies."""
    plain = type(x) is Tensor and x.dtype in DTYPES and not x.is_neg() and x.dim() >= 2
    return plain and 0 < x.numel() <= LARGEST and _as_three_axes(x) is not None


def exact_moments(x: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and biased variance of (N, C, *) for each channel, in float64; the tensor is one that `takes` takes.

    Raises:
        UnusableKernelsError: Triton cannot be imported, or finds no compiler; from then on nothing is taken.
    """
    values = _as_three_axes(x)
    if values is None:
        raise ValueError(
            f"moments: expected x with spatial axes that lie in memory as one, got strides {x.stride()}. "
            "Make it so: x.contiguous()."
        )
    n, channels, length = values.shape
    count, together = n * length, _together(values)
    tile = TILE // together
    blocks = ceil(channels / together)
    parts, share = cut(count, tile, ceil(PER_PROCESSOR * _processors(x.device) / blocks))
    sums = torch.empty(parts, 2, channels, dtype=torch.float64, device=x.device)
    found = torch.empty(2, channels, dtype=torch.float64, device=x.device)
    with torch.cuda.device_of(x):  # type: ignore[no-untyped-call]  # torch's gap
        _launch(values, sums, found, (blocks, parts), (count, share), tile, together)
    return found[0], found[1]


def cut(count: int, tile: int, most: int) -> tuple[int, int]:
    """Into how many parts so many values are cut, and how many a part has, whole tiles: at least two, or all."""
    wanted = min(most, ceil(count / (2 * tile)))
    share = ceil(count / wanted / tile) * tile
    return ceil(count / share), share


def _launch(
    x: Tensor, sums: Tensor, found: Tensor, grid: tuple[int, int], counts: tuple[int, int], tile: int, together: int
) -> None:
    (count, share), channels = counts, x.shape[1]
    try:
        from . import _sums

        sum_parts: Any = _sums.sum_parts
        merge_parts: Any = _sums.merge_parts
        sum_parts[grid](x, sums, channels, x.shape[2], count, share, *x.stride(), tile=tile, together=together)
        merge_parts[grid[:1]](x, sums, found, channels, count, grid[1], x.stride(1), together=together)
    except Exception as error:  # at first a compiler's: what the GPU reports comes again in whatever runs instead
        if _WORKED:
            raise
        _WORKED.append(False)
        why = f"Triton cannot compile here ({type(error).__name__}: {error})"
        warnings.warn(f"{why}; moments on a GPU are read by torch's operators, which take longer.", stacklevel=2)
        raise UnusableKernelsError(why) from error
    if not _WORKED:
        _WORKED.append(True)


def _as_three_axes(x: Tensor) -> Tensor | None:
    """A view (n, c, s); None where the spatial axes cannot be one."""
    try:
        return x.detach().view(x.shape[0], x.shape[1], -1)
    except RuntimeError:
        return None


def _together(x: Tensor) -> int:
    """Channels in a tile: 1 where a channel's values are neighbours, else a power of two."""
    if x.stride(1) != 1 or (x.stride(2) == 1 and x.shape[2] > 1):
        return 1
    return int(min(WIDEST, 1 << (x.shape[1] - 1).bit_length()))


@cache
def _installed() -> bool:
    return find_spec("triton") is not None


@cache
def _processors(device: torch.device) -> int:
    return int(torch.cuda.get_device_properties(device).multi_processor_count)
