"""Files that appear whole or not at all, and the folder in which those lie that can be had again."""

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from .errors import InputError


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


def cache_folder() -> Path:
    """The folder under which the data sets that were fetched and the compiled kernels lie.

    `BATCHNORM_CACHE` if set, else `XDG_CACHE_HOME/batchnorm`, else `~/.cache/batchnorm`. It need
    not exist.

    Raises:
        InputError: nothing says where it is.

    Example:
        >>> from unittest.mock import patch
        >>> with patch.dict(os.environ, BATCHNORM_CACHE="/var/cache/images"):
        ...     cache_folder().as_posix()
        '/var/cache/images'
    """
    own = os.environ.get("BATCHNORM_CACHE")
    if own:
        return Path(own).expanduser()
    shared = Path(os.environ.get("XDG_CACHE_HOME", ""))
    # The XDG base directory specification: a relative path there is to be ignored.
    try:
        return (shared if shared.is_absolute() else Path.home() / ".cache") / "batchnorm"
    except RuntimeError:  # a user without an entry in the system's list and without HOME
        raise InputError("there is no home folder for the cache; set BATCHNORM_CACHE to a folder") from None
