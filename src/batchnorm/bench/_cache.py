"""How large is the last-level cache, and how is it emptied of what the last call left there?"""

import os
from collections.abc import Iterable
from pathlib import Path

import torch

DEVICES = Path("/sys/devices/system/cpu")
UNKNOWN = 64 << 20
"""Bytes that are taken where the system does not say: more than nearly all processors of two to eight cores have."""

_UNITS = {"K": 1 << 10, "M": 1 << 20, "G": 1 << 30}


def cpus() -> frozenset[int]:
    """Return the processors that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return frozenset(os.sched_getaffinity(0))
    return frozenset(range(os.cpu_count() or 1))


def last_level_cache(processors: Iterable[int] | None = None, devices: Path = DEVICES) -> int:
    """Return the bytes of the last-level caches that the processors have, those that they share counted once.

    Args:
        processors: their numbers; those that this process may use if left out.
        devices: Linux's folder of processors. Where it says nothing, the answer is `UNKNOWN`.
    """
    sizes: dict[tuple[int, str], int] = {}
    for processor in cpus() if processors is None else processors:
        for index in (devices / f"cpu{processor}" / "cache").glob("index*"):
            try:
                level, kind, size, shared = ((index / name).read_text().strip() for name in _FILES)
            except OSError:
                continue
            if kind != "Instruction":
                sizes[int(level), shared] = int(size[:-1]) * _UNITS[size[-1]]
    last = max((level for level, _ in sizes), default=0)
    return sum(size for (level, _), size in sizes.items() if level == last) or UNKNOWN


_FILES = ("level", "type", "size", "shared_cpu_list")


class Sweep:
    """Reads a buffer of twice the last-level cache from end to end, so that nothing else is left in the cache.

    It is read and not written: written lines would still have to go to memory while the next call is timed. All of
    torch's threads read, so that each one's own caches are swept too, and then wait as they do behind a convolution.
    """

    def __init__(self, cache_bytes: int) -> None:
        self.bytes = 2 * cache_bytes
        self.buffer = torch.zeros(self.bytes // 4)
        self.buffer.fill_(1.0)  # zeros may be pages that do not exist yet

    def __call__(self) -> None:
        """Read it all."""
        self.buffer.sum()
