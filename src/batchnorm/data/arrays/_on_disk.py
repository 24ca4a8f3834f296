"""How are the images of an array read one by one from the file where it lies, if memory does not hold them all?"""

import math
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from ...errors import InputError
from ...files import open_regular
from .._read_each import ReadEach
from ..store import in_order, workers_of


@dataclass(frozen=True, eq=False)
class ArrayOnDisk:
    """Bytes of a file that are an array, images first, in C order.

    Args:
        path: the file.
        offset: where the array begins in it.
        shape: (N, H, W), or (N, H, W, C) or (N, C, H, W).
        channels_first: whether it is the last of these.
        mark: size and time of the file when it was looked at.
    """

    path: Path
    offset: int
    shape: tuple[int, ...]
    channels_first: bool
    mark: tuple[int, int]

    def pixels(self, place: int) -> npt.NDArray[np.uint8]:
        """Read an image, uint8 of shape (H, W, C).

        Raises:
            InputError: the file is gone, or not what it was.
        """
        size = math.prod(self.shape[1:])
        content = b""
        try:
            with open_regular(self.path) as file:
                if mark_of(os.fstat(file.fileno())) == self.mark:
                    file.seek(self.offset + place * size)
                    content = file.read(size)
        except (OSError, ValueError) as error:
            raise InputError(f"{self.path}: cannot be read any more ({error})") from None
        if len(content) != size:
            raise InputError(f"{self.path}: was changed since it was opened", cure="Begin again.")
        values = np.frombuffer(bytearray(content), np.uint8).reshape(self.shape[1:])
        if values.ndim == 2:
            return values[:, :, None]
        return values.transpose(1, 2, 0) if self.channels_first else values


def mark_of(about: os.stat_result) -> tuple[int, int]:
    """Return what differs when a file was written to."""
    return about.st_size, about.st_mtime_ns


def read_when_needed(array: ArrayOnDisk, workers: int | None) -> ReadEach:
    """Return the images of an array, which so many threads read ahead; `None`: as many as pay."""
    height, width, channels = array.pixels(0).shape
    rows = torch.arange(array.shape[0])
    return ReadEach(array.pixels, (channels, height, width), rows, workers_of(workers), in_order)
