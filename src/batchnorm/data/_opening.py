"""Which data does a text mean: a set that has a name here, or files at a path? Nothing is imported because of it."""

import os
from collections.abc import Callable
from pathlib import Path

from ..errors import InputError, InputTypeError
from ._options import ImageOptions
from ._registry import available, get
from ._source import Source

Progress = Callable[[int, int], None]
"""Told how many files are done, of how many."""

ARRAYS = ".npz"


def data_path(given: str) -> Path | None:
    """Return the absolute path that a text means; `None` where it is a name.

    A path has a separator, ends in `.npz`, or is there. A known name goes before a file of that name, and
    `package.module:name` is none unless there is a file of that name.

    Example:
        >>> data_path("fashion-mnist"), data_path("package.module:source"), data_path("mine.npz").name
        (None, None, 'mine.npz')
    """
    if not given or "\0" in given or any(given == source.info.name for source in available()):
        return None
    path = Path(given).expanduser() if given.startswith("~") else Path(given)
    looks_like_one = path.suffix.lower() == ARRAYS or os.sep in given or bool(os.altsep and os.altsep in given)
    if path.is_absolute() or (looks_like_one and ":" not in given) or os.path.lexists(path):
        return Path(os.path.abspath(path))  # noqa: PTH100  # a link stays one, by the name that its user knows
    return None


def open_source(
    given: str,
    options: ImageOptions | None = None,
    *,
    split: Path | None = None,
    on_progress: Progress | None = None,
) -> Source:
    """Return the data set that a text means, by its name or by the path of its files.

    Args:
        given: a name from `available`; or the path of a folder or of a `.npz` file. The `info.name` of files is their
            absolute path, which is what a run and its model file remember.
        options: how images are read from files; `ImageOptions()` if left out.
        split: a table of which image belongs where, as a run on a folder keeps it; `None`: the folder says so itself.
        on_progress: called while files are looked at, often.

    Raises:
        InputTypeError: it is no text.
        InputError: there is no such name and nothing at this path, or what is there is no data set.

    Example:
        >>> open_source("fashion-mnist-mini").info.image_size
        28
    """
    if not isinstance(given, str):
        raise InputTypeError(argument="data", expected="a name or a path", got=type(given).__name__)
    path = data_path(given)
    if path is None:
        return get(given)
    return _open(path, options or ImageOptions(), split, on_progress)


def _open(path: Path, options: ImageOptions, split: Path | None, on_progress: Progress | None) -> Source:
    if not path.exists():
        raise InputError(f"{path}: there is no file or folder", argument="data", cure="Check the path.")
    raise InputError(f"{path}: expected a data set, got something else", argument="data")
