"""How does Pillow keep its warnings to itself, in several threads at once, and how does the library that reads TIFF?"""

import ctypes
import os
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from functools import cache
from typing import cast

_LOCK = threading.Lock()
_INSIDE = 0
_UNDO = ExitStack()


@contextmanager
def quiet_pillow() -> Iterator[None]:
    """Let Pillow's own warnings go unheard in the block, and libtiff's messages; those of everybody else are heard.

    A `warnings.catch_warnings` of each thread would be wrong: the filters belong to the process, and of two blocks
    that overlap the one that ends last would put back what the other has set. So the first to come in sets the filter,
    and the last to go out puts back what was.

    Example:
        >>> with quiet_pillow(), quiet_pillow():
        ...     warnings.filters[0][0]
        'ignore'
        >>> warnings.filters[0][0] == "ignore" and "PIL" in str(warnings.filters[0])
        False
    """
    global _INSIDE  # noqa: PLW0603 - the filters are the process's, too
    with _LOCK:
        _INSIDE += 1
        if _INSIDE == 1:
            _UNDO.enter_context(warnings.catch_warnings())
            warnings.filterwarnings("ignore", module=r"PIL(\.|$)")
            _silence_libtiff()
    try:
        yield
    finally:
        with _LOCK:
            _INSIDE -= 1
            if not _INSIDE:
                _UNDO.close()


def _silence_libtiff() -> None:
    """Let it write nothing: of a damaged file it tells the standard error, past Python, and Pillow raises as well."""
    if set_handler := _error_handler_of_libtiff():
        _UNDO.callback(set_handler, set_handler(None))


@cache
def _error_handler_of_libtiff() -> Callable[[int | None], int | None] | None:
    """What gives libtiff another handler and returns the one that it had; `None` if Pillow hides its libraries."""
    from PIL import _imaging

    with suppress(AttributeError, OSError):
        function = ctypes.CDLL(_imaging.__file__).TIFFSetErrorHandler
        function.restype, function.argtypes = ctypes.c_void_p, [ctypes.c_void_p]
        return cast("Callable[[int | None], int | None]", function)
    return None


def _with_a_lock_of_its_own() -> None:
    """Let a forked child not wait for a thread that it does not have."""
    global _LOCK  # noqa: PLW0603 - the one that may be held for ever
    _LOCK = threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_with_a_lock_of_its_own)
