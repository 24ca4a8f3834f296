"""Where in a folder do the training images lie, where the test images, and which folders are classes?"""

import os
from dataclasses import dataclass
from pathlib import Path

from ...errors import InputError
from ...files import one_line
from .._image_paths import ENDINGS
from ._walk import folders_in, is_folder, visible

NAMES = {
    "train": ("train", "training"),
    "test": ("test", "testing"),
    "val": ("val", "valid", "validation"),
}
"""What the parts of a set are called, in upper or lower case."""
CURE = "It takes train/CLASS/* and test/CLASS/*, or CLASS/* alone, of which it draws test images."


@dataclass(frozen=True)
class Layout:
    """Where the folders of the classes lie.

    Attributes:
        train: the folder of which each folder is a class, relative to the whole; "." for the whole itself.
        test: likewise; `None` where the test images are to be drawn.
        notes: what is passed over, or taken in another's place.
    """

    train: str
    test: str | None
    notes: tuple[str, ...] = ()


def layout_of(folder: Path) -> Layout:
    """Find out how a folder of images is laid out.

    `train` beside `test` (or, without one, beside `val`) are the parts of a set, if `train` holds folders: a class may
    be called train, too. Otherwise all folders are classes.

    Raises:
        InputError: it is not laid out in any of these ways, or cannot be read.

    Example:
        >>> import tempfile
        >>> root = Path(tempfile.mkdtemp())
        >>> for name in ("Train/cat", "Train/dog", "val/cat", "val/dog"):
        ...     (root / name).mkdir(parents=True)
        >>> layout_of(root)
        Layout(train='Train', test='val', notes=('val holds the test images, for there is no test',))
    """
    inside = folders_in(folder)
    parts = {part: _one_of(folder, part, inside) for part in NAMES}
    train, test, val = (parts[part] for part in ("train", "test", "val"))
    others = [name for name in inside if name not in parts.values()]
    if train and (test or val) and (folders_in(folder / train) or not others):
        return _of_parts(folder, train, test or val or "", others, val if test else None)
    if train and not others and folders_in(folder / train):
        return Layout(train, None, (f"there is only {train}, no test: the test images are drawn from it",))
    if train and not (test or val) and not _holds_images(folder / train) and folders_in(folder / train):
        raise InputError(
            f"{folder}: expected test beside {train}, or {train} alone, found {named(others)}; if {train} is a class "
            "like the others, its images must lie in it, not only in folders inside it",
            cure=CURE,
        )
    if test and not train and not others:
        raise InputError(f"{folder}: expected train beside {test}, found none", cure=CURE)
    return Layout(".", None, _loose(folder))


def _of_parts(folder: Path, train: str, test: str, others: list[str], unused: str | None) -> Layout:
    notes = [f"{test} holds the test images, for there is no test"] if test.lower() in NAMES["val"] else []
    if unused:
        notes.append(f"{unused} is left out: images to validate on are held out of {train}")
    if others:
        notes.append(f"beside {train} and {test}, left out: {named(others)}")
    for part in (train, test):
        if not folders_in(folder / part):
            raise InputError(f"{folder / part}: expected a folder for each class, found none", cure=CURE)
        notes += _loose(folder / part)
    return Layout(train, test, tuple(notes))


def _one_of(folder: Path, part: str, inside: list[str]) -> str | None:
    """The folder that is this part of a set."""
    found = [name for name in inside if name.lower() in NAMES[part]]
    if len(found) > 1 and all(folders_in(folder / name) for name in found):
        raise InputError(f"{folder}: expected one folder of {part} images, found {named(found)}", cure=CURE)
    return found[0] if len(found) == 1 else None


def _holds_images(folder: Path) -> bool:
    return any(_is_image(entry) for entry in visible(folder))


def _loose(folder: Path) -> tuple[str, ...]:
    """What is said of image files that lie beside the folders of the classes."""
    images = [entry.name for entry in visible(folder) if _is_image(entry)]
    return (f"{folder}: left out, for they are in no folder of a class: {named(images)}",) if images else ()


def _is_image(entry: os.DirEntry[str]) -> bool:
    return Path(entry.name).suffix.lower() in ENDINGS and not is_folder(entry)


def named(names: list[str], most: int = 3) -> str:
    more = f" and {len(names) - most:,} more" if len(names) > most else ""
    return ", ".join(one_line(name, 60) for name in names[:most]) + more
