"""How do decoded images lie in one file, and how are they found in it again, sound or not at all?

The pixels of one image lie behind those of the other, as bytes in C order. Behind them is a ZIP archive, as NumPy's
`savez` writes one and `zipfile` finds one at the end of any file: the table of the images' sizes and sums. The archive
has sums of its own, and a file that is cut off has none. The pixels' sums are compared when an image is first seen: so
a set of any size is opened at once, and whoever writes it need not wait for the disk.
"""

import json
import mmap
import os
import time
import zipfile
import zlib
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

import numpy as np

from ...errors import InputError
from ...files import hold, open_regular
from ._files import Files, Pixels

TRIES = 20


def write_entry(file: IO[bytes], pixels: Iterable[Pixels | None], files: Files) -> None:
    """Write images, as they come, and the table behind them.

    Args:
        file: at its beginning.
        pixels: of each of `files`, or None for a broken one.
        files: what they were read from.
    """
    sizes, sums, sound = [], [], []
    for image in pixels:
        sound.append(image is not None)
        if image is not None:
            file.write(image.data)
            sizes.append(image.shape[:2])
            sums.append(zlib.crc32(image.data))
    np.savez(
        file,
        about=np.array(json.dumps(_about(files))),
        fingerprint=np.frombuffer(files.fingerprint(), np.uint8),
        sound=np.array(sound, bool),
        sizes=np.array(sizes, np.int64).reshape(-1, 2),
        sums=np.array(sums, np.uint32),
    )


def _share(file: IO[bytes]) -> None:
    """Hold the file together with others; who asks whether somebody does holds it alone for a moment."""
    with suppress(OSError):  # a file system without locks
        for _ in range(TRIES):
            if hold(file.fileno(), shared=True):
                return
            time.sleep(1 / TRIES)


def _about(files: Files) -> dict[str, object]:
    """What `batchnorm data cache list` says of it."""
    folder = os.path.commonpath([path.absolute().parent for path in files.paths]) if files.paths else ""
    return {"folder": folder, "channels": files.channels, "size": files.size}


def read_table(file: IO[bytes]) -> dict[str, Any]:
    """Return the table at the end of a file, and with it where it begins.

    Raises:
        Exception: nearly any, if the file is damaged.
    """
    begin = zipfile.ZipFile(file).infolist()[0].header_offset
    with np.lib.npyio.NpzFile(file, own_fid=False, allow_pickle=False) as archive:
        table: dict[str, Any] = {name: archive[name] for name in archive.files}
    return {**table, "about": json.loads(str(table["about"])), "begin": begin}


class Entry:
    """Decoded images in a file, mapped into memory.

    Nobody removes the file for want of room as long as it is mapped: the map holds it.

    Args:
        path: of the file.
        files: what it was made of.

    Raises:
        Exception: nearly any, if it is damaged; OSError, if there is none.
    """

    def __init__(self, path: Path, files: Files) -> None:
        self.path, self.made_of = path, files
        with open_regular(path) as file:
            _share(file)
            table = read_table(file)
            if table["fingerprint"].tobytes() != files.fingerprint() or len(table["sound"]) != len(files):
                raise ValueError("it holds other images")
            self.sound = table["sound"]
            self.files = files.at(np.flatnonzero(self.sound).tolist())
            self.sizes, self.sums = table["sizes"], table["sums"]
            self.starts = np.concatenate([[0], np.cumsum(self.sizes.prod(1) * files.channels)])
            if not len(self.files) == len(self.sizes) == len(self.sums) or (self.sizes < 1).any():
                raise ValueError("its table does not fit together")
            if self.starts[-1] != table["begin"]:
                raise ValueError("its beginning is cut off")
            # A copy of the descriptor stays open with the map, and with it the lock. The map is the process's own where
            # somebody writes into it: torch has no tensors that cannot be written to.
            self.map = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY)
        self.checked = np.zeros(len(self.files), bool)

    @property
    def size(self) -> int:
        """Bytes of the file."""
        return len(self.map)

    def __reduce__(self) -> tuple[Any, ...]:
        """Another process opens the file, as this one did."""
        return type(self), (self.path, self.made_of)

    def pixels(self, place: int) -> Pixels:
        """Return the pixels of an image, those of its file if the ones that were kept are damaged.

        Raises:
            InputError: they are damaged, and the file is gone, or another one.
        """
        start, (height, width) = int(self.starts[place]), self.sizes[place].tolist()
        shape = height, width, self.files.channels
        pixels = np.frombuffer(self.map, np.uint8, height * width * shape[2], start).reshape(shape)
        if not self.checked[place]:
            if zlib.crc32(pixels.data) != self.sums[place]:
                self._mend(place, pixels)
            self.checked[place] = True
        return pixels

    def _mend(self, place: int, pixels: Pixels) -> None:
        """Put the pixels of the image's file into the map, and have the whole made again by whoever comes next."""
        with suppress(OSError):
            self.path.unlink()
        anew = self.files.pixels(place)
        if anew.shape != pixels.shape or zlib.crc32(anew.data) != self.sums[place]:
            raise InputError(
                f"{self.files.paths[place]}: what is kept of it in {self.path} is damaged", cure="Begin again."
            )
        pixels[...] = anew
