"""How does a run remember which images it was trained on, so that those that are added later change nothing?"""

import csv
import io
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from ...files import open_regular, refused
from .._source import SplitName
from ._listing import Listing

COLUMNS = ["path", "class", "part", "bytes", "readable"]
FAULT = "cannot be read as the table of a run's images"
ADVICE = "Restore the file: it says which images are for testing."
MOST_BYTES = 2**28
"""Of such a table: of some millions of images."""


def split_table(folder: Path, listing: Listing, broken: frozenset[str] = frozenset()) -> bytes:
    r"""Return which image is of which class and part, as CSV in UTF-8.

    Args:
        folder: where they lie.
        listing: the images.
        broken: paths of those that cannot be read.

    Example:
        >>> split_table(Path("gone"), Listing(("a",), {"train": (("a/1.png", "a"),), "test": ()}, drawn=True))
        b'path,class,part,bytes,readable\na/1.png,a,train,,yes\n'
    """
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(COLUMNS)
    for part, files in listing.files.items():
        for path, name in files:
            writer.writerow((path, name, part, _length(folder / path), "no" if path in broken else "yes"))
    return out.getvalue().encode("utf-8", "surrogateescape")  # a name need not be UTF-8


def read_split(path: Path) -> Listing:
    """Read the table back.

    Raises:
        InputError: there is no such file, or it holds something else.
    """
    with refused(path, FAULT, ADVICE), open_regular(path, MOST_BYTES) as raw:
        return _listing(_rows(raw))


def lies_in(folder: Path, table: Path) -> bool:
    """Whether the images of a table lie in a folder, as long as they were: then it is the same one, moved perhaps.

    Raises:
        InputError: the table cannot be read.
    """
    with refused(table, FAULT, ADVICE), open_regular(table, MOST_BYTES) as raw:
        return all(_length(folder / path) == length for path, _, _, length, _ in _rows(raw))


def _rows(raw: IO[bytes]) -> Iterator[tuple[str, str, SplitName, str, bool]]:
    """Path, class, part, length, and whether it could be read, of each image."""
    rows = csv.reader(io.StringIO(raw.read().decode("utf-8", "surrogateescape"), newline=""), strict=True)
    if next(rows, None) != COLUMNS:
        raise ValueError(f"expected the columns {', '.join(COLUMNS)}")
    for number, row in enumerate(rows, 2):
        if len(row) != len(COLUMNS) or row[4] not in ("yes", "no") or not row[1] or not row[1].isprintable():
            raise ValueError(f"expected {', '.join(COLUMNS)} in line {number}")
        if not _lies_inside(row[0]):
            raise ValueError(f"the path in line {number} leads out of the folder")
        yield row[0], row[1], _part(row[2], number), row[3], row[4] == "yes"


def _listing(rows: Iterator[tuple[str, str, SplitName, str, bool]]) -> Listing:
    files: dict[SplitName, list[tuple[str, str]]] = {"train": [], "test": []}
    broken = set()
    for path, name, part, _, readable in rows:
        files[part].append((path, name))
        if not readable:
            broken.add(path)
    classes = tuple(sorted({name for _, name in files["train"]}))
    if len(classes) < 2 or {name for _, name in files["test"]} - {*classes}:
        raise ValueError("expected training images of at least two classes, and test images of the same")
    parts: dict[SplitName, tuple[tuple[str, str], ...]] = {"train": tuple(files["train"]), "test": tuple(files["test"])}
    return Listing(classes, parts, drawn=False, broken=frozenset(broken), kept=True)


def _part(text: str, number: int) -> SplitName:
    if text == "train":
        return "train"
    if text == "test":
        return "test"
    raise ValueError(f"expected train or test in line {number}")


def _lies_inside(path: str) -> bool:
    """Whether a path leads to something in the folder: a table from elsewhere must not have other files read."""
    return bool(path) and "\0" not in path and not Path(path).is_absolute() and ".." not in Path(path).parts


def _length(file: Path) -> str:
    try:
        return str(file.stat().st_size)
    except OSError:
        return ""
