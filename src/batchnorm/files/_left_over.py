"""Which temporary files did processes leave behind that were killed?"""

import os
import re
from contextlib import suppress
from pathlib import Path

from ._system import HAS_LOCKS, hold

_PART = re.compile(r"\..{1,60}\.[0-9a-f]{8}\.part", re.DOTALL)
"""The name of a file that has not got its own yet."""


def is_part(name: str) -> bool:
    """Whether `atomic_write` gives such names to its temporary files.

    Example:
        >>> is_part(".note.txt.0123abcd.part"), is_part("note.txt.part")
        (True, False)
    """
    return _PART.fullmatch(name) is not None


def remove_parts(folder: Path, name: str | None = None) -> None:
    """Remove the temporary files that killed processes left in a folder; those that are being written stay.

    Args:
        folder: where they lie. One that cannot be read is left alone.
        name: of the only file whose temporary ones are meant.
    """
    begin = "." if name is None else f".{name[:60]}."
    with suppress(OSError):
        for path in [Path(entry) for entry in os.scandir(folder) if entry.name.startswith(begin)]:
            if is_part(path.name) and path.is_file() and not path.is_symlink():
                _remove_unless_held(path)


def _remove_unless_held(path: Path) -> None:
    with suppress(OSError):  # no lock, no permission: nobody knows whether it is left over
        if not HAS_LOCKS:
            path.unlink()  # Windows refuses it while the file is open
            return
        with path.open("r+b") as file:
            if hold(file.fileno()):
                path.unlink()
