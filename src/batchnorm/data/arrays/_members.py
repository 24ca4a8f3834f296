"""How are the files in a packed archive read, without putting any of them on the disk?"""

import gzip
import re
import tarfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import IO

from ...files import one_line, open_regular

_MOST_BYTES = 2**27
"""Of a member that is read."""
_MOST_UNPACKED = 2**30
"""Bytes of an archive, unpacked: one that says more is not read to its end."""
_PIECE = 2**20


class _Unpacked:
    """The bytes of a gzip file, up to so many."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file, self._left = gzip.GzipFile(fileobj=file), _MOST_UNPACKED

    def read(self, size: int) -> bytes:
        piece = self._file.read(size)
        self._left -= len(piece)
        if self._left < 0:
            raise ValueError(f"it unpacks to more than {_MOST_UNPACKED:,} bytes")
        return piece


def members_of(path: Path, wanted: re.Pattern[str]) -> Iterator[tuple[str, bytes]]:
    """Yield name and content of the files that are wanted, from a gzipped tar or a folder.

    Args:
        path: of either.
        wanted: is compared with a file's name, without the folders that it is in.

    Raises:
        OSError: it cannot be read.
        ValueError: it is no such archive, is too large, or has a member that is a link or leads out of it.
        tarfile.TarError: it is damaged; and further what `gzip` raises.
    """
    yield from (_in_folder if path.is_dir() else _in_archive)(path, wanted)


def _in_folder(folder: Path, wanted: re.Pattern[str]) -> Iterator[tuple[str, bytes]]:
    for path in sorted(folder.iterdir()):
        if wanted.fullmatch(path.name):
            with open_regular(path, _MOST_BYTES) as file:
                yield path.name, file.read(_MOST_BYTES)


def _in_archive(path: Path, wanted: re.Pattern[str]) -> Iterator[tuple[str, bytes]]:
    with open_regular(path) as packed:
        unpacked = _Unpacked(packed)
        with tarfile.open(fileobj=unpacked, mode="r|") as archive:  # type: ignore[call-overload]  # it asks for `read` alone
            for member in archive:
                name = PurePosixPath(member.name)
                _check_place(name, member)
                if wanted.fullmatch(name.name) and member.isfile():
                    yield name.name, _content(archive, member)
        while unpacked.read(_PIECE):  # so that gzip compares its checksum
            pass


def _check_place(name: PurePosixPath, member: tarfile.TarInfo) -> None:
    shown = one_line(str(name), 80)
    if name.is_absolute() or ".." in name.parts:
        raise ValueError(f"it has a file that belongs outside of it, {shown!r}")
    if member.issym() or member.islnk():
        raise ValueError(f"it has a link, {shown!r}")


def _content(archive: tarfile.TarFile, member: tarfile.TarInfo) -> bytes:
    if member.size > _MOST_BYTES:
        raise ValueError(f"its {member.name[:80]!r} has {member.size:,} bytes, expected {_MOST_BYTES:,} at most")
    file = archive.extractfile(member)
    return b"" if file is None else file.read(_MOST_BYTES)
