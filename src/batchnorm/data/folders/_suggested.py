"""Which size and colours do the files themselves suggest, where nobody has said which a net is to take?"""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from ...files import open_regular
from .._image_file import identified, upright_size
from .._image_size import ImageSize, as_image_size, image_size_text
from .._options import ImageOptions
from .._quiet_pillow import quiet_pillow

if TYPE_CHECKING:
    from PIL import Image

LARGEST, USUAL = 64, 64
"""A side up to which images keep their size, and the size that others get, unless one is asked for."""
AT_ONCE = 1000
"""Files between two reports of how far it is."""
GREY = ("1", "L", "LA", "La", "I", "F")
"""Pillow's names of modes without colours."""


@dataclass(frozen=True)
class Suggested:
    """What images are made.

    Attributes:
        image_size: as asked for; else of all files, if it is one, and small; else 64.
        channels: as asked for; else 1 if all files are grey, 3 if not.
        note: why a size was chosen that no file has; empty if there is nothing to say.
    """

    image_size: ImageSize
    channels: int
    note: str = ""


def suggested(files: Sequence[Path], options: ImageOptions, told: Callable[[str, int, int], None]) -> Suggested:
    """Read the headers of files, if size or channels are not asked for. What cannot be read says nothing.

    Args:
        files: where the images lie.
        options: what is asked for.
        told: called with (what is done, files that are through, files in all).
    """
    size, channels = options.image_size, options.channels
    if size is not None and channels is not None:
        return Suggested(size, channels)
    headers = [header for header in _headers(files, options.workers, told) if header]
    sizes = {header.size for header in headers}
    note = ""
    if size is None:
        size, note = _size(sizes)
    return Suggested(size, channels or (1 if headers and all(header.grey for header in headers) else 3), note)


def _size(sizes: set[tuple[int, int]]) -> tuple[ImageSize, str]:
    if len(sizes) == 1:
        ((width, height),) = sizes
        if max(width, height) <= LARGEST:
            return as_image_size(height, width), ""
    shown = sorted(image_size_text((height, width)) for width, height in sizes)
    found = f"of {len(shown):,} sizes" if len(shown) > 1 else f"of {shown[0]} pixels" if shown else "of no known size"
    return USUAL, f"the images are {found}; they are made {USUAL}x{USUAL}, unless another size is asked for"


@dataclass(frozen=True)
class _Header:
    size: tuple[int, int]
    grey: bool


def _headers(files: Sequence[Path], workers: int | None, told: Callable[[str, int, int], None]) -> list[_Header | None]:
    found: list[_Header | None] = []
    waiting = iter(files)
    with ThreadPoolExecutor(max_workers=max(1, workers or 4)) as pool:
        while some := list(islice(waiting, AT_ONCE)):
            found += pool.map(_header, some)
            told("looking at the sizes", len(found), len(files))
    return found


def _header(path: Path) -> _Header | None:
    """Return width, height, upright, and whether it is grey."""
    with suppress(Exception), open_regular(path) as file, quiet_pillow(), identified(file) as image:
        return _Header(upright_size(image), _is_grey(image))
    return None


def _is_grey(image: "Image.Image") -> bool:
    if image.mode in ("P", "PA"):
        colours = image.getpalette("RGB") or []
        return colours[0::3] == colours[1::3] == colours[2::3]
    return image.mode in GREY or image.mode.startswith("I;16")
