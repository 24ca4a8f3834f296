"""Which decoded images are in the cache, how much room do they take, and which go first?"""

import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from ...errors import InputError
from ...files import cache_folder, hold, in_short, is_part, open_regular, remove_parts
from ._entry import read_table

ENDING = ".images"


@dataclass(frozen=True)
class CachedImages:
    """The decoded images of one set of files at one size.

    Attributes:
        path: the file that holds them.
        folder: where the files lie that they were read from; empty if that cannot be read any more.
        images: how many there are.
        channels: colours of an image.
        image_size: height and width of a net's images.
        bytes: what they take.
        used: when they were last used.
        in_use: whether a process has them open.
    """

    path: Path
    folder: str
    images: int
    channels: int
    image_size: tuple[int, int]
    bytes: int
    used: datetime
    in_use: bool


def cached_images() -> list[CachedImages]:
    """Return what the cache holds of decoded images, the last used first.

    Raises:
        InputError: nothing says where the cache is, or its folder cannot be read.
    """
    return [_described(path, about) for path, about in reversed(list(_entries(images_folder())))]


def clear_cached_images() -> list[CachedImages]:
    """Remove all decoded images from the cache, but those that a process has open, and return what was removed.

    They are made again when they are needed.

    Raises:
        InputError: nothing says where the cache is, or its folder cannot be read.
        OSError: they may not be removed.
    """
    remove_parts(images_folder())
    return [images for images in cached_images() if remove_unless_used(images.path)]


def images_folder() -> Path:
    """Return the folder of all decoded images; it need not exist."""
    return cache_folder() / "images"


class NoRoomError(Exception):
    """The images take more than they may; `str` is the reason, in words."""


class Room:
    """What may still be written into the cache; the entries that were not used for longest go for it.

    Args:
        folder: of the entries.
        bound: bytes of all of them together.
        besides: one that stays, though it be the oldest.
    """

    def __init__(self, folder: Path, bound: int, besides: Path | None = None) -> None:
        remove_parts(folder)
        self.bound = bound
        self.others = list(_entries(folder))
        being_written = [about.st_size for path, about in _files(folder) if is_part(path.name)]
        self.left = bound - sum(about.st_size for _, about in self.others) - sum(being_written)
        self.others = [(path, about) for path, about in self.others if path != besides]

    def take(self, size: int) -> None:
        """Take so many bytes, and remove entries until they are there.

        Raises:
            NoRoomError: all that may go is gone.
        """
        self.left -= size
        while self.left < 0:
            if not self.others:
                raise NoRoomError(more_than(self.bound))
            path, about = self.others.pop(0)
            with suppress(PermissionError):  # somebody else's
                if remove_unless_used(path):
                    self.left += about.st_size


def remove_unless_used(path: Path) -> bool:
    """Remove an entry, and say whether it is gone; who has it open holds it."""
    try:
        with open_regular(path) as file:
            with suppress(OSError):  # a file system without locks: what is removed lives on for who has it open
                if not hold(file.fileno()):
                    return False
            path.unlink()
    except FileNotFoundError:
        pass
    except ValueError:  # no file of ours
        return False
    return True


def in_gigabytes(size: int) -> str:
    """Word a number of bytes as options count them.

    Example:
        >>> in_gigabytes(1_500_000_000), in_gigabytes(2_000)
        ('1.5 GB', '0.002 MB')
    """
    return f"{size / 1e9:.3g} GB" if size >= 10**8 else f"{size / 1e6:.3g} MB"


def more_than(bound: int) -> str:
    """Word that something does not fit into what all may take."""
    return f"more than the {in_gigabytes(bound)} that all together may take"


def _entries(folder: Path) -> Iterator[tuple[Path, os.stat_result]]:
    """Yield the entries, the ones that were not used for longest first."""
    found = [(path, about) for path, about in _files(folder) if path.suffix == ENDING]
    yield from sorted(found, key=lambda entry: (entry[1].st_mtime_ns, entry[0]))


def _files(folder: Path) -> Iterator[tuple[Path, os.stat_result]]:
    try:
        entries = [*os.scandir(folder)]
    except (FileNotFoundError, NotADirectoryError):
        return
    except OSError as error:
        raise InputError(
            f"{folder}: the folder cannot be read ({in_short(error)})", cure="Check its permissions."
        ) from None
    for entry in entries:
        with suppress(FileNotFoundError):  # somebody was faster to remove it
            if entry.is_file(follow_symlinks=False):
                yield Path(entry.path), entry.stat(follow_symlinks=False)


def _described(path: Path, about: os.stat_result) -> CachedImages:
    used = datetime.fromtimestamp(about.st_mtime, UTC)
    in_use, folder, images, channels, size = False, "", 0, 0, (0, 0)
    with suppress(Exception), open_regular(path) as file:
        with suppress(OSError):
            in_use = not hold(file.fileno())
        table = read_table(file)
        folder, channels, size = table["about"]["folder"], table["about"]["channels"], tuple(table["about"]["size"])
        images = len(table["sizes"])
    return CachedImages(path, folder, images, channels, size, about.st_size, used, in_use)
