"""What is in the files of a set of images, and have they stayed as they were?"""

import hashlib
import json
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch

from ...files import in_short, open_regular
from .._decoded import VERSION as DECODED_VERSION
from ._threads import in_order

Told = Callable[[str, int, int], None]
"""Hears what is being done, of how many images it is done, and of how many it will be."""

VERSION = 1
"""Of the form in which images are kept."""
LIBRARIES = ("libjpeg_turbo", "jpg", "zlib", "webp", "libtiff")


class Content(NamedTuple):
    """What a file holds.

    Attributes:
        digest: SHA-256 of its bytes, in hexadecimal digits; empty if it cannot be read.
        mark: size, times and place on the disk, another one as soon as somebody writes to it.
        reason: why it cannot be read.
    """

    digest: str
    mark: tuple[int, ...] = ()
    reason: str = ""


def contents_of(files: Sequence[Path], workers: int, told: Told) -> list[Content]:
    """Read all files once, and return what they hold."""
    contents = []
    for content in in_order(content_of, files, workers):
        contents.append(content)
        told("looking at the files", len(contents), len(files))
    return contents


def content_of(file: Path) -> Content:
    """Return what a file holds."""
    try:
        with open_regular(file) as opened:
            mark = _mark(os.fstat(opened.fileno()))
            return Content(hashlib.file_digest(opened, "sha256").hexdigest(), mark)
    except (OSError, ValueError) as error:
        return Content("", reason=in_short(error))


def is_as_before(file: Path, content: Content) -> bool:
    """Whether nobody has written to the file since its content was looked at."""
    try:
        return _mark(file.stat()) == content.mark
    except OSError:
        return False


def _mark(about: os.stat_result) -> tuple[int, ...]:
    return about.st_size, about.st_mtime_ns, about.st_ctime_ns, about.st_ino


def fingerprint_of(contents: Sequence[Content], channels: int, size: tuple[int, int]) -> bytes:
    """Return bytes that are the same where the same files, in the same order, come to the same pixels."""
    found = hashlib.sha256(json.dumps([VERSION, DECODED_VERSION, channels, size, *_decoders()]).encode())
    for content in contents:
        found.update(content.digest.encode() + b";")
    return found.digest()


def _decoders() -> list[str]:
    """The versions of all that has a part in what comes out of a file."""
    import PIL
    from PIL import features

    # Of torch's operators for images there is one for each kind of processor, which may round in their own ways.
    torch_ = f"torch {torch.__version__} {torch.backends.cpu.get_cpu_capability()}"
    libraries = [f"{name} {features.version(name)}" for name in LIBRARIES]
    return [f"pillow {PIL.__version__}", f"numpy {np.__version__}", torch_, *libraries]
