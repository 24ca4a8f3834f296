"""How is an IDX file read, packed by gzip or not, and what can be wrong with it?

IDX is the format of MNIST and of the data sets that replace it: two zero bytes, a byte for the type
(8: unsigned byte), a byte for the number of dimensions, each dimension's size as a big-endian
32-bit integer, then the values in C order (http://yann.lecun.com/exdb/mnist/, bottom of the page).
"""

import gzip
import math
import os
import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, cast

import torch
from torch import Tensor

from ...errors import InputError
from ...files import check_memory, check_unpacked, in_short, open_regular
from ._on_disk import ArrayOnDisk, mark_of

_UNSIGNED_BYTE = 8
_MOST_DIMENSIONS = 4
_PIECE = 2**24
"""Bytes that are read at a time: a file that says more than it has costs no more than it has."""


def read_idx(path: Path, shape: tuple[int, ...] | None = None) -> Tensor:
    """Read an IDX file of unsigned bytes, one that is packed by gzip if it is called `.gz`.

    No more is read than the sizes say, so that a file that holds more costs no memory; they are those of the header
    only where the file can hold so many values.

    Args:
        path: the file.
        shape: the sizes that it must have; `None`: those of its header.

    Returns:
        uint8 of that shape.

    Raises:
        InputError: the file cannot be read, is no such IDX file, is cut off or has other sizes.
    """
    with _opened(path) as file:
        sizes = _header(file, path, len(shape) if shape else None)
        if shape is not None and sizes != shape:
            raise InputError(f"{path}: expected an array of shape {shape}, got {sizes}")
        count = math.prod(sizes)
        if shape is None:
            _check_count(count, path)
        body = _body(file, count)
    if len(body) != count:
        difference = "is cut off" if len(body) < count else "goes on"
        raise InputError(f"{path}: expected {count} values, but the file {difference}")
    return torch.frombuffer(body, dtype=torch.uint8).reshape(sizes)


def idx_shape(path: Path) -> tuple[int, ...]:
    """Return the sizes that the header of an IDX file says.

    Raises:
        InputError: it cannot be read, or is no IDX file of unsigned bytes.
    """
    with _opened(path) as file:
        return _header(file, path, None)


def idx_on_disk(path: Path) -> ArrayOnDisk | None:
    """Return where the images of an IDX file lie, if they can be read one by one: it is not packed.

    Raises:
        InputError: it has another length than its header says.
    """
    if path.suffix == ".gz":
        return None
    with _opened(path) as file:
        sizes = _header(file, path, None)
        mark = mark_of(os.fstat(file.fileno()))
    offset = 4 + 4 * len(sizes)
    if mark[0] != offset + math.prod(sizes):
        raise InputError(f"{path}: expected {math.prod(sizes)} values, got a file of {mark[0]} bytes")
    return ArrayOnDisk(path, offset, sizes, channels_first=False, mark=mark)


def _header(file: IO[bytes], path: Path, dimensions: int | None) -> tuple[int, ...]:
    magic = file.read(4)
    number = dimensions or (magic[3] if len(magic) == 4 and 1 <= magic[3] <= _MOST_DIMENSIONS else 1)
    expected = bytes([0, 0, _UNSIGNED_BYTE, number])
    if magic != expected:
        raise InputError(
            f"{path}: expected an IDX file that begins with {expected.hex()}, got {magic.hex() or 'nothing'}"
        )
    sizes = file.read(4 * number)
    if len(sizes) < 4 * number:
        raise InputError(f"{path}: ends inside its header")
    return struct.unpack(f">{number}I", sizes)


def _check_count(count: int, path: Path) -> None:
    """Refuse sizes that the file cannot have, or the memory."""
    has = path.stat().st_size
    if path.suffix == ".gz":
        check_unpacked(count, packed=has)
    else:
        check_memory(min(count, has))


def _body(file: IO[bytes], count: int) -> bytearray:
    """Read the values, and one more if there is one: reading past the end makes gzip compare its checksum."""
    body = bytearray()
    while len(body) <= count and (piece := file.read(min(_PIECE, count + 1 - len(body)))):
        body += piece
    return body


@contextmanager
def _opened(path: Path) -> Iterator[IO[bytes]]:
    """Open a file for reading what is in it, unpacked, in a block whose errors name it."""
    try:
        with open_regular(path) as file:
            if path.suffix != ".gz":
                yield file
                return
            with gzip.open(file) as unpacked:
                yield cast(IO[bytes], unpacked)
    except InputError:
        raise
    except EOFError:
        raise InputError(f"{path}: the gzip file is cut off") from None
    except (gzip.BadGzipFile, zlib.error) as error:
        raise InputError(f"{path}: not a sound gzip file ({error})") from None
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: cannot be read ({in_short(error)})") from None
