"""What if the standard output or error is closed, full, read by nobody, or cannot hold a character?"""

import os
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from io import TextIOWrapper
from typing import TextIO

from ..progress import silence, tell, warn

__all__ = ["dependable_streams", "silence", "tell", "warn"]


@contextmanager
def dependable_streams() -> Iterator[None]:
    """Give both standard streams for a while, open, and able to print any file name.

    A closed one is a place where all is lost; a character that the encoding lacks is printed as its escape. What
    cannot be written at the end is dropped, for Python would complain of it at exit.
    """
    before = sys.stdout, sys.stderr
    with ExitStack() as undo:
        sys.stdout, sys.stderr = (_opened(stream, undo) for stream in before)
        try:
            yield
        finally:
            _drop_the_unwritable(sys.stdout)
            _drop_the_unwritable(sys.stderr)
            sys.stdout, sys.stderr = before


def _opened(stream: TextIO | None, undo: ExitStack) -> TextIO:
    if stream is None:  # so Python says that the descriptor was closed
        return undo.enter_context(open(os.devnull, "w", encoding="utf-8"))  # noqa: PTH123 - no file, a device
    if isinstance(stream, TextIOWrapper):
        undo.callback(stream.reconfigure, errors=stream.errors)
        stream.reconfigure(errors="backslashreplace")
    return stream


def _drop_the_unwritable(stream: TextIO) -> None:
    try:
        stream.flush()
    except OSError:
        silence(stream)
