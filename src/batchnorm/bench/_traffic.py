"""How many bytes must a fused batch norm move at least? Reads and writes counted by hand, per direction and family."""

import math
from typing import NamedTuple

import torch

from ._cases import LayerCase

DIRECTIONS = ("forward", "backward", "both", "evaluation")
"""What is timed: training forward, backward, both in one; evaluation forward."""

ORDINARY, STREAMED = 2, 1
"""How often a written byte passes the bus: by an ordinary store, and by one past the caches."""


class Traffic(NamedTuple):
    """What is read once whatever happens, what is read again unless it is still in the cache, what is written.

    In tensors: "x" counts bytes of the input, "pooled" of the pool's output, "mask" one byte for every window.
    """

    reads: tuple[str, ...]
    again: tuple[str, ...]
    writes: tuple[str, ...]


# Vectors of one number per channel are left out, and so is the sum's bit per value that says where ReLU let pass.
TABLE: dict[tuple[str, str], Traffic] = {
    # Statistics first, then the values: x twice. The residual is needed in the second sweep alone.
    ("bn+act", "forward"): Traffic(("x",), ("x",), ("x",)),
    ("bn+add+act", "forward"): Traffic(("x", "x"), ("x",), ("x",)),
    # The normalized tensor itself is never written: of every window the largest value, and which one it was.
    ("bn+act+pool", "forward"): Traffic(("x",), ("x",), ("pooled", "mask")),
    # The two sums per channel first, then dx: x and dy twice. Where the activation was 0 follows from x.
    ("bn+act", "backward"): Traffic(("x", "x"), ("x", "x"), ("x",)),
    # The sum's gradient goes to both: one more tensor is written.
    ("bn+add+act", "backward"): Traffic(("x", "x"), ("x", "x"), ("x", "x")),
    ("bn+act+pool", "backward"): Traffic(("x", "pooled", "mask"), ("x", "pooled", "mask"), ("x",)),
    # Statistics are known: one sweep, and nothing is kept for backward.
    ("bn+act", "evaluation"): Traffic(("x",), (), ("x",)),
    ("bn+add+act", "evaluation"): Traffic(("x", "x"), (), ("x",)),
    ("bn+act+pool", "evaluation"): Traffic(("x",), (), ("pooled",)),
}
"""The bounds of "fused, two sweeps" and, without `again`, of "fused, the slice stays in the cache"."""


def floor_bytes(case: LayerCase, direction: str, cache_bytes: int, *, store: int = ORDINARY) -> int:
    """Return the bytes that must pass the memory bus at least: reads once, writes `store` times.

        bytes = reads + store * writes + (0 if what is read again fits into the cache else again)

    An ordinary store first reads the line that it changes, hence twice; one past the caches does not. What is read
    again between statistics and values is a channel's slice in "nchw", and the whole tensor where the channels lie side
    by side. Training both ways is the sum of forward and backward: a tensor that is smaller than the cache can be
    faster than that, for backward then finds some of `x` where forward left it.

    Example:
        >>> nchw = LayerCase("bn+act", (32, 64, 112, 112))
        >>> tensor = 4 * 32 * 64 * 112 * 112
        >>> floor_bytes(nchw, "both", cache_bytes=32 << 20) / tensor
        7.0
        >>> channels_last = LayerCase("bn+act", (32, 64, 112, 112), "channels_last")
        >>> floor_bytes(channels_last, "both", cache_bytes=32 << 20) / tensor
        10.0
        >>> floor_bytes(nchw, "both", cache_bytes=32 << 20, store=STREAMED) / tensor
        5.0
    """
    if direction == "both":
        return sum(floor_bytes(case, part, cache_bytes, store=store) for part in ("forward", "backward"))
    traffic = TABLE[case.family, direction]
    sizes = tensor_bytes(case)
    again = sum(sizes[name] for name in traffic.again)
    # (N, C) has its channels side by side, too.
    slices = case.shape[1] if case.memory_format == "nchw" and len(case.shape) > 2 else 1
    stays = again / slices <= cache_bytes
    moved = sum(sizes[name] for name in traffic.reads) + store * sum(sizes[name] for name in traffic.writes)
    return moved if stays else moved + again


def tensor_bytes(case: LayerCase) -> dict[str, int]:
    """Return the bytes of the input and, for a pool, of its output and of a byte per window."""
    itemsize = torch.empty((), dtype=case.torch_dtype).element_size()
    windows = math.prod((*case.shape[:2], *(size // 2 for size in case.shape[2:])))
    return {"x": itemsize * math.prod(case.shape), "pooled": itemsize * windows, "mask": windows}
