"""How is one array of an `.npz` file read, whatever it says that it has?

An `.npz` file is a zip of `.npy` files: a magic number, a header that says dtype, order and shape, the numbers.
Objects, which NumPy keeps as pickles, are not read.
"""

import io
import math
import struct
import warnings
import zipfile
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ...files import open_regular

_HEAD = 2**14
"""Bytes in which the header of an array of numbers ends, of which NumPy takes ten thousand at most."""
_PIECE = 2**24
_BEFORE_LENGTHS = 26
"""Bytes of a member's own header in front of the lengths of its name and of what is behind it."""
_KINDS = "uifbUS"
"""Numbers and words."""


class Header(NamedTuple):
    """What an array says of itself."""

    shape: tuple[int, ...]
    dtype: np.dtype
    fortran: bool
    offset: int
    """Where its numbers begin."""

    @property
    def size(self) -> int:
        """Bytes of its numbers."""
        return math.prod(self.shape) * self.dtype.itemsize


def read_header(archive: zipfile.ZipFile, name: str) -> Header:
    """Read what an array of an archive says of itself, if it has as many bytes as that asks for.

    Raises:
        ValueError: it has not, holds objects, or is no array.
    """
    entry = archive.getinfo(f"{name}.npy")
    with archive.open(entry) as file:
        head = io.BytesIO(file.read(_HEAD))
    version = np.lib.format.read_magic(head)
    if version not in ((1, 0), (2, 0), (3, 0)):
        raise ValueError(f"its {name} is of an unknown version of the format, {version}")
    read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    with warnings.catch_warnings(action="ignore"):  # of files of Python 2, which are read all the same
        shape, fortran, dtype = read(head)
    if dtype.kind not in _KINDS or dtype.hasobject or dtype.fields:
        what = "Python objects, which are pickles and could run code" if dtype.hasobject else str(dtype)
        raise ValueError(f"expected numbers in its {name}, got {what}")
    found = Header(shape, dtype, fortran, head.tell())
    if min(shape, default=0) < 0 or found.offset + found.size != entry.file_size:
        raise ValueError(f"its {name} says that it has the shape {shape}, and has another number of bytes")
    return found


def member_offset(archive: zipfile.ZipFile, path: Path, name: str) -> int | None:
    """Return where an array begins in its file, header and all; `None` if it is packed.

    All of it is read once, so that zip's checksum is compared.
    """
    entry = archive.getinfo(f"{name}.npy")
    if entry.compress_type != zipfile.ZIP_STORED or entry.flag_bits & 1:
        return None
    with archive.open(entry) as file:
        while file.read(_PIECE):
            pass
    with open_regular(path) as whole:
        whole.seek(entry.header_offset + _BEFORE_LENGTHS)
        lengths: tuple[int, int] = struct.unpack("<2H", whole.read(4))
    return entry.header_offset + _BEFORE_LENGTHS + 4 + sum(lengths)


def read_array(archive: zipfile.ZipFile, name: str, header: Header) -> np.ndarray:
    """Read the numbers of an array whose header was read; zip's checksum is compared.

    Raises:
        ValueError: they end before that.
    """
    values = bytearray()
    with archive.open(f"{name}.npy") as file:
        file.read(header.offset)
        while piece := file.read(_PIECE):
            values += piece
    if len(values) != header.size:
        raise ValueError(f"its {name} is cut off")
    flat = np.frombuffer(values, header.dtype)
    return flat.reshape(header.shape[::-1]).T if header.fortran else flat.reshape(header.shape)
