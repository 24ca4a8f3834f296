"""Can a picture be written where the caller wants it? Asked before the work, not after it."""

import os
from collections.abc import Iterable
from pathlib import Path

from ..errors import InputError
from ..records import LRRangeTest, Recalibration
from ..runs import check_output
from ._streams import warn


def check_picture(
    argument: str, path: Path, endings: tuple[str, ...] = (".png",), *, reads: Iterable[Path] = ()
) -> None:
    """Raise `InputError`, naming the argument, unless a picture in one of these formats can be written at `path`.

    A picture that is there is replaced, but nothing that the command reads, and no file of a run.

    Example:
        >>> check_picture("png", Path("c.jpg"))
        Traceback (most recent call last):
        batchnorm.errors.InputError: png: expected a name ending in .png, got c.jpg. Use c.png.
    """
    if not path.is_dir() and path.suffix.lower() not in endings:
        better = path.with_suffix(endings[0])
        raise InputError(
            argument=argument,
            expected=f"a name ending in {' or '.join(endings)}",
            got=str(path),
            cure=f"Use {better}.",
        )
    if not path.parent.is_dir() or not os.access(path.parent, os.W_OK | os.X_OK):
        raise InputError(
            f"{path} cannot be made: {path.parent} is not a folder that can be written to",
            argument=argument,
            cure="Choose another.",
        )
    check_output(path, reads=reads, option=argument)


def draw(record: LRRangeTest | Recalibration, path: Path, shown: str) -> None:
    """Write the picture of a record and say where it is, or why there is none: the work itself is done."""
    try:
        record.plot(path)
    except ImportError as error:
        warn(f"note: no picture of the {shown}: {error}")
    else:
        warn(f"{shown}: {path}")
