"""How do decoded images come into the cache, once for all processes that want them?"""

import errno
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from ...errors import InputError
from ...files import atomic_write, hold
from ._contents import Told
from ._entry import Entry, write_entry
from ._files import Files, Pixels
from ._room import ENDING, NoRoomError, Room, images_folder, in_gigabytes, more_than, remove_unless_used
from ._threads import in_order

PAUSE = 0.1
"""Seconds until a process that waits for another one looks again."""
NOT_DAMAGED = (errno.ENOMEM, errno.EMFILE, errno.ENFILE, errno.EACCES, errno.EPERM)
"""What stops a process from opening a file of which another one may make use."""
SAMPLE = 16
"""Images that are decoded beforehand, to see whether there will be room for all."""
MORE = 1.1
"""How many times the room they have to take for nothing to be tried."""


def cached(files: Files, bound: int, workers: int, told: Told) -> Entry:
    """Return the decoded images of these files, made now if the cache does not have them.

    Raises:
        NoRoomError: they take more than they may.
        OSError: the cache cannot be written, or is full.
        InputError: nothing says where it is.
    """
    folder = images_folder()
    path = folder / f"{files.fingerprint().hex()[:32]}{ENDING}"
    entry = _opened(path, files)
    if entry is None:
        folder.mkdir(parents=True, exist_ok=True)
        with _alone(path, told):
            entry = _opened(path, files) or _made(path, files, bound, workers, told)
    if entry.size > bound:
        del entry  # and with it the map, which holds the file
        remove_unless_used(path)
        raise NoRoomError(more_than(bound))
    with suppress(OSError):  # a folder of somebody else's
        os.utime(path)
    # Those that are in use stay, though the bound was larger when they were made.
    with suppress(NoRoomError, OSError, InputError):
        Room(folder, bound, besides=path).take(0)
    return entry


def _opened(path: Path, files: Files) -> Entry | None:
    """Return what is in the cache, if it is sound; what is not goes.

    Raises:
        OSError: this process may not open it, or map it: that is no fault of what is in it.
    """
    try:
        entry = Entry(path, files)
    except FileNotFoundError:
        return None
    except OSError as error:
        if error.errno in NOT_DAMAGED:
            raise
        entry = None
    except Exception:  # whatever NumPy and zipfile raise at a damaged file
        entry = None
    broken = [] if entry is None else [place for place, sound in enumerate(entry.sound) if not sound]
    if entry is not None and all(_pixels(files, place) is None for place in broken):
        return entry
    with suppress(OSError):
        path.unlink()
    return None


def _made(path: Path, files: Files, bound: int, workers: int, told: Told) -> Entry:
    room = Room(path.parent, bound)
    _expect_room(files, bound, workers)
    with atomic_write(path, durable=False) as file:
        write_entry(file, _decoded(files, room, workers, told), files)
    return Entry(path, files)


def _expect_room(files: Files, bound: int, workers: int) -> None:
    """Look at some images first: nothing is removed for others that then have no room after all."""
    places = range(0, len(files), max(1, len(files) // SAMPLE))
    sizes = [0 if pixels is None else pixels.size for pixels in in_order(lambda p: _pixels(files, p), places, workers)]
    likely = sum(sizes) / max(1, len(sizes)) * len(files)
    if likely > MORE * bound:
        raise NoRoomError(f"about {in_gigabytes(round(likely))}, {more_than(bound)}")


def _decoded(files: Files, room: Room, workers: int, told: Told) -> Iterator[Pixels | None]:
    """Yield the pixels of each file, None for a broken one, and take the room for them."""
    for done, pixels in enumerate(in_order(lambda place: _pixels(files, place), range(len(files)), workers), 1):
        room.take(0 if pixels is None else pixels.size)
        yield pixels
        told("decoding the images", done, len(files))


def _pixels(files: Files, place: int) -> Pixels | None:
    try:
        return files.pixels(place)
    except InputError:
        return None


@contextmanager
def _alone(path: Path, told: Told) -> Iterator[None]:
    """Wait until no other process makes the same, where the system has locks."""
    # The name is that of a temporary file: where its process was killed, it is removed as one.
    lock = path.with_name(f".{path.name}.{'0' * 8}.part")
    with lock.open("ab") as file:
        with suppress(OSError):
            while not hold(file.fileno()):
                told("waiting for another process that decodes the images", 0, 1)
                time.sleep(PAUSE)
        try:
            yield
        finally:
            with suppress(OSError):
                lock.unlink()
