"""How is a file of `torch.save` made and read, so that nothing in it is run or unpacked, and a changed bit is noticed?

`torch.save` writes a zip archive whose members are stored as they are, each with its CRC-32, which `torch.load` does
not look at. So the sizes and the sums are compared here, before anything is read into memory.
"""

import io
import os
import re
import warnings
import zipfile
from pathlib import Path
from typing import IO

import torch

from ..files import open_regular, refused

_MAGIC = b"PK\x03\x04"
_CHUNK = 2**20
_CLAIMS = ("alloc_cpu", "Storage size", "not enough memory")
"""What torch says when a file claims sizes that no memory holds."""


def pickle_bytes(content: object) -> bytes:
    """Return the bytes of the file that `torch.save` writes, with the sums of all its members.

    By way of memory: where the disk is full, torch's own writer hides the reason.
    """
    memory, before = io.BytesIO(), torch.serialization.get_crc32_options()
    torch.serialization.set_crc32_options(True)
    try:
        torch.save(content, memory)
    finally:
        torch.serialization.set_crc32_options(before)
    return memory.getvalue()


def read_pickle(path: Path, fault: str, advice: str = "Nothing of it was run.", *, legacy: bool = False) -> object:
    """Return what `torch.save` wrote; a pickle that holds anything but tensors and plain values is never run.

    Args:
        path: the file.
        fault: what to say was expected, if it is something else.
        advice: what to say of the next step.
        legacy: allow the form that torch wrote before version 1.6, which is no archive and has no sums.

    Raises:
        InputError: no such file, a foreign, a compressed or a damaged one, or one with code in it.
    """
    with refused(path, fault, advice), open_regular(path) as file:
        if file.read(len(_MAGIC)) == _MAGIC:
            _check_archive(file)
        elif not legacy:
            raise ValueError("it is no archive")
        file.seek(0)
        with warnings.catch_warnings(action="ignore"):  # about odd pickles; whether this one will do is for the caller
            return _load(file)


def _load(file: IO[bytes]) -> object:
    try:
        content: object = torch.load(file, map_location="cpu", weights_only=True)
    except RuntimeError as error:
        if any(claim in str(error) for claim in _CLAIMS):
            raise ValueError("it claims more numbers than it holds") from error
        raise
    except Exception as error:  # torch wraps what was wrong in a page of advice
        foreign = re.search(r"Unsupported global: GLOBAL (\S+)", str(error))
        if foreign:
            raise ValueError(f"it holds an object of {foreign[1]}") from error
        said = re.search(r"WeightsUnpickler error: (.*)", str(error))
        raise ValueError(said[0] if said else str(error) or type(error).__name__) from error
    return content


def _check_archive(file: IO[bytes]) -> None:
    """Compare sizes and sums of all members with the bytes that are there.

    Raises:
        ValueError: they do not agree, or a member is compressed.
        zipfile.BadZipFile: it is no whole archive.
    """
    size = os.fstat(file.fileno()).st_size
    with zipfile.ZipFile(file) as archive:
        members = archive.infolist()
        if any(member.compress_type != zipfile.ZIP_STORED for member in members):
            raise ValueError("it is compressed, which torch.save never does")
        if sum(member.file_size for member in members) > size:
            raise ValueError("it claims more bytes than it holds")
        if len({member.filename for member in members}) < len(members):
            raise ValueError("it holds two parts of one name")
        for member in members:
            # Without a sum, if torch.serialization.set_crc32_options(False) was called.
            if member.CRC and not _is_as_written(archive, member):
                raise ValueError(f"{member.filename} in it has changed since it was written")


def _is_as_written(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> bool:
    try:
        with archive.open(member) as part:
            while part.read(_CHUNK):
                pass
    except zipfile.BadZipFile:
        return False
    return True
