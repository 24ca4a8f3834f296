"""How does a file appear whole or not at all?"""

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

from ..errors import InputError
from ._left_over import remove_parts
from ._system import hold, sync_folder


@contextmanager
def atomic_write(path: Path | str, mode: str = "wb", *, durable: bool = True) -> Iterator[IO[Any]]:
    """Open a file that takes its name only when the block has ended well.

    The bytes go into a temporary file of the same folder, are flushed to the disk and then renamed over `path`
    in one step, which is brought to the disk, too. Whatever is raised inside the block (a full disk, Ctrl-C), the
    temporary file is removed and an older file at `path` stays as it was. The temporary file of a process that was
    killed is removed by whoever writes to `path` next.

    Args:
        path: where the file is to appear; its folder must exist.
        mode: `"wb"` for bytes or `"w"` for UTF-8 text.
        durable: wait until the bytes are on the disk. Without, a crash of the system may leave a file with others: only
            for what is checked when it is read, and can be made again.

    Raises:
        OSError: the folder cannot be written or the disk is full.
        InputError: another mode.

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
        raise InputError(argument="mode", expected="'wb' or 'w'", got=repr(mode))
    path = Path(path)
    encoding = None if "b" in mode else "utf-8"
    remove_parts(path.parent, path.name)
    temporary, file = _new_part(path, mode.replace("w", "x"), encoding)
    try:
        with file:
            yield file
            file.flush()
            if durable:
                os.fsync(file.fileno())
        temporary.replace(path)
        if durable:
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
