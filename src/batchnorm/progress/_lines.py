"""How is a line printed for somebody who may have left?"""

import os
import sys
from contextlib import suppress
from typing import TextIO

from ..files import in_lines


def silence(stream: TextIO) -> None:
    """Lead a stream that can no longer be written into nothing, with what it still holds."""
    with suppress(OSError), open(os.devnull, "w", encoding="utf-8") as nothing:  # noqa: PTH123 - no file, a device
        os.dup2(nothing.fileno(), stream.fileno())


def warn(text: str) -> None:
    """Print on the standard error, without what steers a terminal: names of files and errors of others may hold it.

    Where that cannot be written there is nobody to tell.
    """
    try:
        print(in_lines(text), file=sys.stderr, flush=True)
    except OSError:
        silence(sys.stderr)


def tell(text: str) -> None:
    """Print on the standard output for a training: that nobody reads it any more is said once, and no failure."""
    try:
        print(text, flush=True)
    except BrokenPipeError:
        silence(sys.stdout)
        warn("note: nobody reads the standard output any more; that does not stop the training")
