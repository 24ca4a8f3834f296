"""Files that appear whole or not at all, and the folder in which those lie that can be had again."""

import errno
import os
import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

from .errors import InputError

try:
    import fcntl
except ImportError:  # not on Windows
    fcntl = None  # type: ignore[assignment]  # a module, or none

_PART = re.compile(r"\..{1,60}\.[0-9a-f]{8}\.part", re.DOTALL)
"""The name of a file that has not got its own yet."""


@contextmanager
def atomic_write(path: Path | str, mode: str = "wb") -> Iterator[IO[Any]]:
    """Open a file that takes its name only when the block has ended well.

    The bytes go into a temporary file of the same folder, are flushed to the disk and then renamed over `path`
    in one step, which is brought to the disk, too. Whatever is raised inside the block (a full disk, Ctrl-C), the
    temporary file is removed and an older file at `path` stays as it was. The temporary file of a process that was
    killed is removed by whoever writes to `path` next.

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
    remove_parts(path.parent, path.name)
    temporary, file = _new_part(path, mode.replace("w", "x"), encoding)
    try:
        with file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
        sync_folder(path.parent)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def _new_part(path: Path, mode: str, encoding: str | None, tries: int = 5) -> tuple[Path, IO[Any]]:
    """Open a temporary file, held for as long as it is open, so that others see that it is not left over."""
    # The beginning of the name is enough: with an end of its own, a long one could be too long for the system.
    temporary = path.with_name(f".{path.name[:60]}.{secrets.token_hex(4)}.part")
    file = temporary.open(mode, encoding=encoding)
    named = True
    with suppress(OSError):  # a file system without locks
        hold(file.fileno())
        named = os.fstat(file.fileno()).st_nlink > 0
    if named or not tries:
        return temporary, file
    file.close()  # somebody took it for left over, in the moment before it was held
    return _new_part(path, mode, encoding, tries - 1)


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
        if fcntl is None:
            path.unlink()  # Windows refuses it while the file is open
            return
        with path.open("r+b") as file:
            if hold(file.fileno()):
                path.unlink()


def hold(descriptor: int) -> bool:
    """Hold an open file or folder against other processes until it is closed, where the system can.

    Returns:
        Whether nobody else holds it.

    Raises:
        OSError: the file system has no locks.
    """
    if fcntl is None:
        return True
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def sync_folder(folder: Path) -> None:
    """Bring the names in a folder to the disk, where the system can: then a crash takes back no rename.

    Raises:
        OSError: the disk fails.
    """
    if not hasattr(os, "O_DIRECTORY"):  # Windows
        return
    with suppress(PermissionError):  # a folder that may be written, but not listed
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        except OSError as error:
            if error.errno not in (errno.EINVAL, errno.ENOTSUP):  # so say file systems that cannot
                raise
        finally:
            os.close(descriptor)


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
