"""May a command write its result there? Asked before the work, so that nothing is replaced that is read or kept."""

import contextlib
import os
from collections.abc import Iterable
from pathlib import Path

from ..errors import InputError, Setting
from ._run_folder import RunFolder


def check_output(
    path: Path | str,
    *,
    reads: Iterable[Path | str] = (),
    option: str = "out",
    overwrite: bool = True,
    allowed: Path | None = None,
) -> None:
    """Raise unless a file can be written at a path, and nothing is lost by that.

    Args:
        path: of the file to be.
        reads: what the command reads: files, and runs, which stand for all their files. None of them may be replaced,
            by whatever name (a link, another spelling) the path leads to it.
        option: the argument that names the path.
        overwrite: a file that is there already may be replaced, unless it is one of a run.
        allowed: the one file of a run that the command may write.

    Raises:
        InputError: it cannot be written, is read, belongs to a run, or is there already.

    Example:
        >>> check_output("no/such/folder/net.safetensors")
        Traceback (most recent call last):
        batchnorm.errors.InputError: out: no/such/folder is not a folder that can be written to. Choose another.
    """
    path = Path(path)
    there = _look(path, option)
    inputs = [Path(entry) for entry in reads]
    if any(same_file(path, entry) for entry in inputs):
        raise InputError(
            f"{path} is the file that is read, which stays as it is", argument=option, cure="Choose another."
        )
    if not (allowed and _same_path(path, allowed)) and _belongs_to_run(path, inputs):
        raise InputError(f"{path} belongs to the run, which stays as it is", argument=option, cure="Choose another.")
    if there and not overwrite:
        raise InputError(
            f"{path} exists already",
            argument=option,
            cure=("Choose another, or pass ", Setting("overwrite", True), " to replace it."),
        )
    if not path.parent.is_dir() or not os.access(path.parent, os.W_OK | os.X_OK):
        raise InputError(
            f"{path.parent} is not a folder that can be written to", argument=option, cure="Choose another."
        )


def same_file(one: Path, other: Path) -> bool:
    """Whether two paths are one file that exists."""
    with contextlib.suppress(OSError):
        return one.samefile(other)
    return False


def _look(path: Path, option: str) -> bool:
    """Whether a file is there."""
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    except (OSError, ValueError) as error:  # too long, a circle of links, a zero byte
        reason = getattr(error, "strerror", None) or error
        raise InputError(f"{path} cannot be made ({reason})", argument=option, cure="Choose another.") from None
    if path.is_dir():
        raise InputError(
            argument=option, expected="the name of a file", got=f"the folder {path}", cure="Choose another."
        )
    if not path.is_file():
        raise InputError(
            argument=option,
            expected="the name of a file",
            got=f"{path}, which is a device or a pipe",
            cure="Choose another.",
        )
    return True


def _belongs_to_run(path: Path, reads: Iterable[Path]) -> bool:
    """Whether it is a file of a run that is read, or has the name of one in the folder of any run.

    There are file systems to which capital and small letters are the same.
    """
    for entry in reads:
        folder = RunFolder(entry if entry.is_dir() else entry.parent)
        if folder.config.is_file() and any(same_file(path, file) for file in folder.files):
            return True
    for place in (path, path.resolve()):
        folder = RunFolder(place.parent)
        if folder.config.is_file() and place.name.casefold() in {file.name.casefold() for file in folder.files}:
            return True
    return False


def _same_path(one: Path, other: Path) -> bool:
    return one.name == other.name and same_file(one.parent, other.parent)
