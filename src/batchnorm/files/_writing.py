"""How does a file appear whole or not at all?"""

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any


@contextmanager
def atomic_write(path: Path | str, mode: str = "wb") -> Iterator[IO[Any]]:
    """Open a file that takes its name only when the block has ended well.

    The bytes go into a temporary file of the same folder, are flushed to the disk and then renamed over `path`
    in one step. Whatever is raised inside the block (a full disk, Ctrl-C), the temporary file is removed and an
    older file at `path` stays as it was.

    Args:
        path: where the file is to appear; its folder must exist.
        mode: `"wb"` for bytes or `"w"` for UTF-8 text.

    Raises:
        OSError: the folder cannot be written or the disk is full.
        ValueError: another mode.

    Example:
        >>> import tempfile
        >>> folder = Path(tempfile.mkdtemp())
        >>> with atomic_write(folder / "note.txt", "w") as file:
        ...     _ = file.write("whole")
        >>> (folder / "note.txt").read_text()
        'whole'
        >>> [entry.name for entry in folder.iterdir()]
        ['note.txt']
    """
    if mode not in ("wb", "w"):
        raise ValueError(f"atomic_write: mode must be 'wb' or 'w', got {mode!r}")
    path = Path(path)
    encoding = None if "b" in mode else "utf-8"
    # The beginning of the name is enough: with an end of its own, a long one could be too long for the system.
    temporary = path.with_name(f".{path.name[:60]}.{secrets.token_hex(4)}.part")
    try:
        with temporary.open(mode.replace("w", "x"), encoding=encoding) as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
