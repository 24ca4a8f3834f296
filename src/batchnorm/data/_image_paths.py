"""Which image files are meant, where somebody names files and folders?"""

from collections.abc import Iterable
from pathlib import Path

from ..errors import InputError
from ..files import one_line

_BY_FORMAT = (".apng .png", ".jfif .jpe .jpeg .jpg", ".webp", ".tif .tiff", ".gif", ".bmp", ".pbm .pfm .pgm .pnm .ppm")
ENDINGS = frozenset(" ".join(_BY_FORMAT).split())
"""Of names in a folder that are taken for images: those that Pillow gives the formats that may be opened."""
NAMED = 3
"""Of what was skipped, so many are named."""


def image_paths(paths: Iterable[Path | str]) -> tuple[list[Path], list[str]]:
    """Return the files, with those of each folder in its place, sorted by name; and what of the folders was skipped.

    A file that is named is taken whatever it is called. Of a folder, those whose names end as images' do, but not what
    lies in folders inside it.

    Args:
        paths: files and folders.

    Raises:
        InputError: a folder that cannot be read, or has no image.

    Example:
        >>> import tempfile
        >>> folder = Path(tempfile.mkdtemp())
        >>> for name in ("b.png", "a.JPG", "notes.txt"):
        ...     (folder / name).touch()
        >>> files, skipped = image_paths([folder, "c.bin"])
        >>> [file.name for file in files], skipped[0].rpartition(": skipped ")[2]
        (['a.JPG', 'b.png', 'c.bin'], '1 entry that is no image file (notes.txt)')
    """
    files: list[Path] = []
    skipped: list[str] = []
    for path in map(Path, paths):
        if not _is_folder(path):
            files.append(path)
            continue
        images, others = _in_folder(path)
        files += images
        if others:
            skipped.append(f"{path}: skipped {_counted(others)}")
    return files, skipped


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except (OSError, ValueError):  # a name that the system cannot take; whoever opens it says so
        return False


def _in_folder(path: Path) -> tuple[list[Path], list[str]]:
    try:
        entries = sorted(path.iterdir())
    except OSError as error:
        raise InputError(
            f"{path}: the folder cannot be read ({error.strerror})", cure="Check its permissions."
        ) from None
    images = [entry for entry in entries if entry.suffix.lower() in ENDINGS and not entry.is_dir()]
    if not images:
        raise InputError(
            f"{path}: expected a folder with image files, found none whose name ends as an image's does",
            cure=f"The endings are {', '.join(sorted(ENDINGS))}; a file of another name can be given itself.",
        )
    taken = set(images)
    others = (entry for entry in entries if entry not in taken)
    return images, [one_line(entry.name) + ("/" if entry.is_dir() else "") for entry in others]


def _counted(others: list[str]) -> str:
    one = len(others) == 1
    more = f", and {len(others) - NAMED} more" if len(others) > NAMED else ""
    what = "entry that is no image file" if one else "entries that are no image files"
    return f"{len(others)} {what} ({', '.join(others[:NAMED])}{more})"
