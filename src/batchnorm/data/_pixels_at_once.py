"""How many pixels may all threads of a process decode at once?"""

import ctypes
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

AT_ONCE = 2**26
"""Pixels of all images that threads have in memory together while they are decoded: those of the largest one."""
SMALL = 2**20
"""Up to so many, an image is not counted: a hundred threads with such images take less than one with the largest."""
HUGE = 2**24
"""Above so many, what an image took is given back to the system at once."""

_CHANGED = threading.Condition()
_TAKEN = 0


@contextmanager
def room_for(pixels: int) -> Iterator[None]:
    """Hold so many pixels for the time of the block; wait before, until others have given back enough.

    So the memory that decoding takes does not grow with the number of threads, whatever is in the files.

    Args:
        pixels: of an image; more than `AT_ONCE` are waited for as `AT_ONCE` are.

    Example:
        >>> with room_for(100), room_for(AT_ONCE), room_for(100):
        ...     pass
    """
    global _TAKEN  # noqa: PLW0603 - it is the process's
    if pixels <= SMALL:
        yield
        return
    wanted = min(pixels, AT_ONCE)
    with _CHANGED:
        _CHANGED.wait_for(lambda: _TAKEN + wanted <= AT_ONCE)
        _TAKEN += wanted
    try:
        yield
    finally:
        if pixels > HUGE:
            _give_back_memory()
        with _CHANGED:
            _TAKEN -= wanted
            _CHANGED.notify_all()


def _give_back_memory() -> None:
    """Let glibc keep nothing of it for this thread, as it does for each thread that has had a large image."""
    with suppress(AttributeError, OSError, TypeError):  # another C library
        ctypes.CDLL(None).malloc_trim(0)


def _begin_anew() -> None:
    """Let a forked child not wait for threads that it does not have."""
    global _CHANGED, _TAKEN
    _CHANGED, _TAKEN = threading.Condition(), 0


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_begin_anew)
