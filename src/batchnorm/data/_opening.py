"""Which data does a text mean: a set that has a name here, or files at a path? Nothing is imported because of it."""

import os
from collections.abc import Callable
from pathlib import Path

from ..errors import InputError, InputTypeError
from ..files import refused
from ._options import ImageOptions
from ._registry import available, get
from ._source import Source
from .arrays import cifar_source, has_idx, idx_source, is_cifar, npz_source
from .folders import folder_source

Progress = Callable[[str, int, int], None]
"""Told what is done with files, with how many it is done, and of how many."""

ARRAYS = ".npz"
_EXPECTED = "a folder of images by class, a folder of IDX files, an .npz file, or an archive like that of CIFAR-10"


def data_path(given: str | os.PathLike[str]) -> Path | None:
    """Return the absolute path that is meant; `None` where a text is a name.

    The text of a path has a separator, ends in `.npz`, or is there. A known name goes before a file of that name, and
    `package.module:name` is none unless there is a file of that name.

    Example:
        >>> data_path("fashion-mnist"), data_path("package.module:source"), data_path("mine.npz").name
        (None, None, 'mine.npz')
    """
    if isinstance(given, os.PathLike):
        return Path(os.path.abspath(given))  # noqa: PTH100  # as below
    if not given or any(given == source.info.name for source in available()):
        return None
    path = os.path.expanduser(given)  # noqa: PTH111  # Path's raises where there is no such user
    if not reads_as_path(given) and not os.path.lexists(path):
        return None
    return Path(os.path.abspath(path))  # noqa: PTH100  # Path's follows links: a user knows his folder by its name


def reads_as_path(given: str) -> bool:
    """Whether a text can be nothing but a path, whatever there is on this machine.

    Example:
        >>> [reads_as_path(text) for text in ("mine.npz", "./photos", "photos", "photos.sets:Mine")]
        [True, True, False, False]
    """
    if "\0" in given:
        return False
    path = Path(given)
    has_separator = any(sep in given for sep in (os.sep, os.altsep) if sep)
    return path.is_absolute() or (":" not in given and (has_separator or path.suffix.lower() == ARRAYS))


def open_source(
    given: str | os.PathLike[str],
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
    if not isinstance(given, str | os.PathLike):
        raise InputTypeError(argument="data", expected="a name or a path", got=type(given).__name__)
    path = data_path(given)
    if path is None:
        return get(str(given))
    return _open(path, options or ImageOptions(), split, on_progress)


def _open(path: Path, options: ImageOptions, split: Path | None, on_progress: Progress | None) -> Source:
    with refused(path, "cannot be read", "Check the path."):
        is_there, is_folder = path.exists(), path.is_dir()
        holds_arrays = is_folder and has_idx(path)
    if not is_there:
        raise InputError(f"{path}: there is no file or folder", argument="data", cure="Check the path.")
    if holds_arrays:
        return idx_source(path, options.workers)
    if is_cifar(path):
        return cifar_source(path)
    if is_folder:
        return folder_source(path, options, split=split, on_progress=on_progress)
    if path.suffix.lower() == ARRAYS:
        return npz_source(path, options.workers)
    raise InputError(f"{path}: expected {_EXPECTED}, got a file of another kind", argument="data")
