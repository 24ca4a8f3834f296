"""How does a run remember which images it was trained on, so that those that are added later change nothing?"""

import csv
import io
from pathlib import Path
from typing import IO

from ...files import atomic_write, open_regular, refused
from .._source import SplitName
from ._listing import Listing

COLUMNS = ["path", "class", "part"]
LEFT_OUT = "broken"
"""The part of an image that could not be read."""


def split_table(listing: Listing, broken: frozenset[str] = frozenset()) -> str:
    r"""Return which image is of which class and part, as CSV.

    Args:
        listing: the images.
        broken: paths of those that were left out.

    Example:
        >>> split_table(Listing(("a", "b"), {"train": (("a/1.png", "a"), ("b/1.png", "b")), "test": ()}, drawn=True))
        'path,class,part\na/1.png,a,train\nb/1.png,b,train\n'
    """
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(COLUMNS)
    for part, files in listing.files.items():
        writer.writerows((path, name, LEFT_OUT if path in broken else part) for path, name in files)
    return out.getvalue()


def write_split(path: Path, listing: Listing, broken: frozenset[str] = frozenset()) -> None:
    """Write the table to a file, whole or not at all."""
    with atomic_write(path) as file:  # bytes, for a name need not be UTF-8
        file.write(split_table(listing, broken).encode("utf-8", "surrogateescape"))


def read_split(path: Path) -> Listing:
    """Read the table back.

    Raises:
        InputError: there is no such file, or it holds something else.
    """
    with refused(path, "cannot be read as the table of a run's images", "Restore the file."), open_regular(path) as raw:
        return _read(raw)


def _read(raw: IO[bytes]) -> Listing:
    text = io.TextIOWrapper(raw, encoding="utf-8", errors="surrogateescape", newline="")
    rows = csv.reader(text, strict=True)
    if next(rows, None) != COLUMNS:
        raise ValueError(f"expected the columns {', '.join(COLUMNS)}")
    files: dict[str, list[tuple[str, str]]] = {"train": [], "test": [], LEFT_OUT: []}
    for number, row in enumerate(rows, 2):
        if len(row) != len(COLUMNS) or row[2] not in files or not row[1].isprintable():
            raise ValueError(f"line {number} is no path, class and part")
        if not _lies_inside(row[0]):
            raise ValueError(f"the path in line {number} leads out of the folder")
        files[row[2]].append((row[0], row[1]))
    parts: dict[SplitName, tuple[tuple[str, str], ...]] = {"train": tuple(files["train"]), "test": tuple(files["test"])}
    classes = tuple(sorted({name for pairs in files.values() for _, name in pairs}))
    if len(classes) < 2 or not files["train"]:
        raise ValueError("expected training images of at least two classes")
    return Listing(classes, parts, drawn=False, kept=True)


def _lies_inside(path: str) -> bool:
    """Whether a path leads to something in the folder: a table from elsewhere must not have other files read."""
    return bool(path) and "\0" not in path and not Path(path).is_absolute() and ".." not in Path(path).parts
