"""How is one told what is odd about one's images, without the line of code that has found it?"""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO

from ..data import DataWarning
from ..progress import warn


@contextmanager
def data_notes() -> Iterator[None]:
    """Print every warning about images as a note; other warnings are shown as they were."""
    before = warnings.showwarning

    def show(
        message: Warning | str,
        category: type[Warning],
        filename: str,
        lineno: int,
        file: TextIO | None = None,
        line: str | None = None,
    ) -> None:
        if issubclass(category, DataWarning):
            warn(f"note: {message}")
        else:
            before(message, category, filename, lineno, file, line)

    with warnings.catch_warnings():
        warnings.simplefilter("always", DataWarning)
        warnings.showwarning = show
        yield
