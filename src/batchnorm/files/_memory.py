"""How much memory is free, and may what a file asks for be taken?"""

import re
from contextlib import suppress
from pathlib import Path

GIGABYTE = 10**9
"""Bytes."""
_LIMITS = (
    (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory.current")),
    (Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"), Path("/sys/fs/cgroup/memory/memory.usage_in_bytes")),
)
"""What a container of Linux may have, and what it has, by either version of control groups."""
_EXPANSION = 200
"""By how much a packed file may grow: sets of drawings reach a hundred, what is made to fill memory a thousand."""
_ALWAYS = 2**30
"""Bytes that a file may unpack to, however small it is."""


def free_memory() -> int | None:
    """Return how many bytes a process can take without pushing others out; `None` where the system does not say.

    Example:
        >>> (free_memory() or 1) > 0
        True
    """
    found = []
    with suppress(OSError):
        if kilobytes := re.search(r"MemAvailable:\s*(\d+) kB", Path("/proc/meminfo").read_text(encoding="ascii")):
            found.append(1024 * int(kilobytes[1]))
    for limit, used in _LIMITS:
        with suppress(OSError, ValueError):  # `max`, where there is no limit
            found.append(max(0, int(limit.read_text()) - int(used.read_text())))
    return min(found, default=None)


def half_fits(size: int) -> bool:
    """Whether so many bytes leave as much again of the memory that is free: what is read is copied, split and shuffled.

    Example:
        >>> half_fits(1000)
        True
    """
    free = free_memory()
    return free is None or 2 * size <= free


def check_unpacked(size: int, packed: int) -> None:
    """Refuse what would grow out of all proportion, or beyond memory, when it is unpacked.

    Args:
        size: bytes that it says it has.
        packed: bytes of the file.

    Raises:
        ValueError: it would.

    Example:
        >>> check_unpacked(10**12, packed=10**6)
        Traceback (most recent call last):
        ValueError: its 1,000,000 bytes say that they unpack to 1,000.0 GB, which no data set does
    """
    if size > max(_ALWAYS, _EXPANSION * packed):
        raise ValueError(
            f"its {packed:,} bytes say that they unpack to {size / GIGABYTE:,.1f} GB, which no data set does"
        )
    check_memory(size)


def check_memory(size: int) -> None:
    """Refuse what does not fit into the memory that is free.

    Raises:
        ValueError: it does not.
    """
    free = free_memory()
    if free is not None and size > free:
        raise ValueError(
            f"it takes {size / GIGABYTE:,.1f} GB of memory, and {free / GIGABYTE:,.1f} GB are free; a source of your "
            "own can read such data in pieces"
        )
