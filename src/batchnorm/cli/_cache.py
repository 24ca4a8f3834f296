"""`batchnorm data cache list` and `batchnorm data cache clear`."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .. import data
from ..files import in_lines
from ..tables import Column, Table
from ._json import to_line
from ._printing import show


@dataclass
class ListCache:
    """List the decoded images that are kept, the last used first.

    A training on image files decodes them once and keeps the pixels. `train
    --cache-size` says what all of them may take; the least recently used go first.

    Example: batchnorm data cache list
    """

    json: bool = False
    """print one JSON array instead of a table"""

    def run(self) -> int:
        """Print, return 0."""
        kept = data.cached_images()
        if self.json:
            print(to_line([_row(images) for images in kept]))
            return 0
        if not kept:
            print("no decoded images are kept")
            return 0
        show(_table(kept))
        return 0


@dataclass
class ClearCache:
    """Remove the decoded images that are kept, except those in use.

    What is removed is made again when it is needed.

    Example: batchnorm data cache clear
    """

    def run(self) -> int:
        """Remove, say what is gone, return 0."""
        gone = data.clear_cached_images()
        left = len(data.cached_images())
        sets = "1 set" if len(gone) == 1 else f"{len(gone)} sets"
        freed = _megabytes(sum(images.bytes for images in gone))
        print(f"removed {sets} of decoded images, {freed} MB" + (f"; {left} in use, and left" if left else ""))
        return 0


def _row(images: data.CachedImages) -> dict[str, Any]:
    return {
        "folder": images.folder,
        "images": images.images,
        "channels": images.channels,
        "size": images.image_size,
        "bytes": images.bytes,
        "used": images.used.isoformat(timespec="seconds"),
        "in_use": images.in_use,
        "file": str(images.path),
    }


def _table(kept: list[data.CachedImages]) -> Table:
    columns = (
        Column("images of", "left"),
        Column("images"),
        Column("size", drop=2),
        Column("MB"),
        Column("last used", drop=1),
    )
    cells = (
        (
            _name(images),
            f"{images.images:,}",
            f"{images.channels} × {data.image_size_text(images.image_size)}",  # noqa: RUF001 - the sign, no letter
            _megabytes(images.bytes),
            "in use" if images.in_use else f"{images.used.astimezone():%Y-%m-%d %H:%M}",
        )
        for images in kept
    )
    # Below the table a path is whole, and can be copied.
    places = (f"{_name(images)} is {in_lines(images.folder)}" for images in kept if images.folder)
    total = f"{_megabytes(sum(images.bytes for images in kept))} MB in {kept[0].path.parent}"
    return Table(columns, tuple(cells), notes=(*dict.fromkeys(places), total))


def _name(images: data.CachedImages) -> str:
    return in_lines(Path(images.folder).name) or "(damaged)"


def _megabytes(size: int) -> str:
    return f"{size / 1e6:,.1f}"
