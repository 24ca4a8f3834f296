"""What does the system do for files: locks between processes, and names that survive a crash?"""

import errno
import os
from contextlib import suppress
from pathlib import Path

try:
    import fcntl
except ImportError:  # not on Windows
    fcntl = None  # type: ignore[assignment]  # a module, or none

HAS_LOCKS = fcntl is not None


def hold(descriptor: int, *, shared: bool = False) -> bool:
    """Hold an open file or folder against other processes until it is closed, where the system can.

    Args:
        descriptor: of the file or folder.
        shared: with others that hold it so, too.

    Returns:
        Whether nobody else holds it, or only others that share it.

    Raises:
        OSError: the file system has no locks.
    """
    if fcntl is None:
        return True
    try:
        fcntl.flock(descriptor, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
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
