"""How is a gzipped IDX file read, and what can be wrong with it?

IDX is the format of MNIST and of the data sets that replace it: two zero bytes, a byte for the type
(8: unsigned byte), a byte for the number of dimensions, each dimension's size as a big-endian
32-bit integer, then the values in C order (http://yann.lecun.com/exdb/mnist/, bottom of the page).
"""

import gzip
import math
import struct
import zlib
from pathlib import Path

import torch
from torch import Tensor

from ..errors import InputError
from ..files import in_short, open_regular

_UNSIGNED_BYTE = 8


def read_idx(path: Path, shape: tuple[int, ...]) -> Tensor:
    """Read a gzipped IDX file of unsigned bytes whose sizes are known beforehand.

    Because the sizes are known, a file that holds more than it should costs no memory.

    Args:
        path: the `.gz` file.
        shape: the sizes that it must have.

    Returns:
        uint8 of shape `shape`.

    Raises:
        InputError: the file cannot be read, is no such IDX file, is cut off or has other sizes.
    """
    header, body = _read_bytes(path, header_size=4 + 4 * len(shape), body_size=math.prod(shape))
    magic = bytes([0, 0, _UNSIGNED_BYTE, len(shape)])
    if header[:4] != magic:
        raise InputError(
            f"{path}: expected an IDX file that begins with {magic.hex()}, got {header[:4].hex() or 'nothing'}"
        )
    if len(header) < 4 + 4 * len(shape):
        raise InputError(f"{path}: ends inside its header")
    sizes = struct.unpack(f">{len(shape)}I", header[4:])
    if sizes != shape:
        raise InputError(f"{path}: expected an array of shape {shape}, got {sizes}")
    if len(body) != math.prod(shape):
        difference = "is cut off" if len(body) < math.prod(shape) else "goes on"
        raise InputError(f"{path}: expected {math.prod(shape)} values, but the file {difference}")
    return torch.frombuffer(body, dtype=torch.uint8).reshape(shape)


def _read_bytes(path: Path, header_size: int, body_size: int) -> tuple[bytes, bytearray]:
    """Unpack the header and at most one byte more than the body should have."""
    try:
        with open_regular(path) as packed, gzip.open(packed) as file:
            header = file.read(header_size)
            # Reading past the end makes gzip compare its checksum.
            return header, bytearray(file.read(body_size + 1))
    except EOFError:
        raise InputError(f"{path}: the gzip file is cut off") from None
    except (gzip.BadGzipFile, zlib.error) as error:
        raise InputError(f"{path}: not a sound gzip file ({error})") from None
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: cannot be read ({in_short(error)})") from None
