"""Which image files lie below a folder, whatever links there are, and what else?"""

import os
from collections import deque
from dataclasses import dataclass, field
from pathlib import Path

from ...errors import InputError
from .._image_paths import ENDINGS

ABOUT_FILES = ("__MACOSX", "@eaDir", "$RECYCLE.BIN", "System Volume Information", "lost+found")
"""Folders that systems put beside files and that show them again, or that are none of the user's."""


@dataclass
class Below:
    """What lies below a folder.

    Attributes:
        images: paths of the image files, relative to where the walk began, in order.
        others: paths of other files.
    """

    images: list[str] = field(default_factory=list)
    others: list[str] = field(default_factory=list)


def is_hidden(name: str) -> bool:
    """Whether a file or folder is none that its user sees: `.ipynb_checkpoints`, `._1.jpg`, `__MACOSX`."""
    return name.startswith(".") or name in ABOUT_FILES


def below(root: Path, start: str) -> Below:
    """Return the files in the folder `start` of `root`, and in folders inside it, sorted; hidden ones are passed over.

    Links are followed, but no folder is looked at twice, nor one around the first, so that links in a circle come to
    an end. A file is an image if its name ends as an image's does, in upper or lower case.

    Raises:
        InputError: a folder cannot be read.

    Example:
        >>> import tempfile
        >>> root = Path(tempfile.mkdtemp())
        >>> (root / "cat" / "black").mkdir(parents=True)
        >>> for name in ("2.JPG", "black/1.png", "notes.txt", ".hidden.png"):
        ...     (root / "cat" / name).touch()
        >>> below(root, "cat")
        Below(images=['cat/2.JPG', 'cat/black/1.png'], others=['cat/notes.txt'])
    """
    found, seen, waiting = Below(), _around((root / start).parent), deque([start])
    while waiting:
        folder = waiting.popleft()
        entries, here = visible(root / folder), _identity(root / folder)
        if here in seen:
            continue
        seen.add(here)
        for entry in entries:
            path = f"{folder}/{entry.name}"
            if is_folder(entry):
                waiting.append(path)
            else:
                (found.images if Path(entry.name).suffix.lower() in ENDINGS else found.others).append(path)
    return Below(sorted(found.images), sorted(found.others))


def visible(folder: Path) -> list[os.DirEntry[str]]:
    """Return what lies in a folder and is not hidden, sorted by name.

    Raises:
        InputError: it cannot be read.
    """
    try:
        with os.scandir(folder) as entries:
            return sorted((entry for entry in entries if not is_hidden(entry.name)), key=lambda entry: entry.name)
    except OSError as error:
        raise InputError(
            f"{folder}: the folder cannot be read ({error.strerror})", cure="Check its permissions."
        ) from None


def is_folder(entry: os.DirEntry[str]) -> bool:
    """Whether an entry is a folder, or a link to one; a link that leads nowhere, or round in a circle, is none."""
    try:
        return entry.is_dir()
    except OSError:
        return False


def folders_in(folder: Path) -> list[str]:
    """Return the names of the folders in a folder, sorted; not of links that lead back to it, or to one around it."""
    inside = [entry for entry in visible(folder) if is_folder(entry)]
    around = _around(folder)
    return [entry.name for entry in inside if not entry.is_symlink() or _identity(folder / entry.name) not in around]


def _around(folder: Path) -> set[tuple[int, int]]:
    """A folder and those that it lies in."""
    absolute = folder.absolute()
    return {_identity(place) for place in (absolute, *absolute.parents)}


def _identity(folder: Path) -> tuple[int, int]:
    about = folder.stat()
    return about.st_dev, about.st_ino
