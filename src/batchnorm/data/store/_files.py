"""Which pixels are in the files of a set of images, at the size at which they are kept?"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ...errors import InputError
from .._decoded import cover_of, decoded
from ._contents import Content, content_of, fingerprint_of, is_as_before

Pixels = npt.NDArray[np.uint8]
"""Of one image, of shape (h, w, C)."""


@dataclass(frozen=True, eq=False)
class Files:
    """Files of images, and what was in them when they were looked at.

    Args:
        paths: where they lie.
        contents: what they hold.
        channels: colours of the images that they are decoded to.
        size: height and width of the net's images.
    """

    paths: Sequence[Path]
    contents: Sequence[Content]
    channels: int
    size: tuple[int, int]

    def __len__(self) -> int:
        """The number of files."""
        return len(self.paths)

    @property
    def cover(self) -> tuple[int, int]:
        """Height and width that every image covers, if it was not smaller from the beginning."""
        return cover_of(self.size)

    def at(self, places: Sequence[int]) -> "Files":
        """The files at these places, in that order."""
        return replace(
            self, paths=[self.paths[place] for place in places], contents=[self.contents[place] for place in places]
        )

    def fingerprint(self) -> bytes:
        """Bytes that are the same where all pixels are."""
        return fingerprint_of(self.contents, self.channels, self.size)

    def pixels(self, place: int) -> Pixels:
        """Decode a file.

        Raises:
            InputError: it is no sound image, or not what it was.
        """
        return np.ascontiguousarray(self._decoded(place, self.cover))

    def check(self, place: int) -> None:
        """Decode a file for nothing, in the smallest size, which for JPEG costs half.

        Raises:
            InputError: it is no sound image, or not what it was.
        """
        self._decoded(place, (1, 1))

    def _decoded(self, place: int, cover: tuple[int, int]) -> Pixels:
        path, content = self.paths[place], self.contents[place]
        if content.reason:
            raise InputError(f"{path}: cannot be read ({content.reason})")
        pixels = decoded(path, self.channels, cover)
        # Who changes the rights of a file, or links to it, changes its mark, too.
        if not is_as_before(path, content) and content_of(path).digest != content.digest:
            raise InputError(f"{path}: it was changed since this began", cure="Begin again.")
        return pixels
