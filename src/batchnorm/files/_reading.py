"""How is a file from outside read, so that whatever is in it ends in values or in one sentence?

A file is data that anybody may have made, damaged or replaced. What reads one opens it by `open_regular`, takes no more
of it than it may hold, and stands in a block of `refused`, for a reader of somebody else's may raise nearly anything.
"""

import json
import math
import os
import re
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from io import BufferedReader
from pathlib import Path

from ..errors import FaultError, InputError

DEEPEST = 50
"""Lists and objects inside each other: no file of ours comes near it, and what walks through one may be recursive."""
_STEERING = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[@-Z\\^_])")
"""What steers a terminal (ECMA-48): colours, places of the cursor, titles of windows."""
MOST_TEXT = 2**26
"""Bytes of a text file, if its reader says nothing else."""


@contextmanager
def refused(path: Path | str, fault: str, advice: str) -> Iterator[None]:
    """Turn whatever is raised while a file is read into one `InputError` that names it, what is wrong, and what to do.

    Args:
        path: the file.
        fault: what was expected of it, or cannot be done with it.
        advice: the next step, a sentence with its full stop.

    Raises:
        InputError: the block raised an `Exception`.

    Example:
        >>> with refused("run/result.json", "cannot be read", "Restore it or remove it."):
        ...     _ = read_json("[" * 100_000)
        Traceback (most recent call last):
        batchnorm.errors.InputError: run/result.json: cannot be read (it is nested too deeply). Restore it or remove it.
    """
    try:
        yield
    except Exception as error:
        raise InputError(f"{path}: {fault} ({in_short(error)})", cure=advice) from error


def in_short(error: Exception, most: int = 200) -> str:
    r"""Return what an exception says in one line of at most about `most` printable characters.

    Example:
        >>> in_short(KeyError("weight")), in_short(FileNotFoundError(2, "No such file or directory"))
        ("KeyError: 'weight'", 'No such file or directory')
        >>> in_short(RuntimeError("first line\n\tsecond line"))
        'first line second line'
    """
    if isinstance(error, RecursionError):
        return "it is nested too deeply"
    if isinstance(error, MemoryError):
        return "it asks for more memory than there is"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    said = one_line(error.fault.text(with_verb=False) if isinstance(error, FaultError) else str(error), most)
    if not said:
        return type(error).__name__
    return said if isinstance(error, ValueError | RuntimeError | OSError) else f"{type(error).__name__}: {said}"


def one_line(text: str, most: int = 200) -> str:
    r"""Return what a message may say of a text out of a file: a line of at most about `most` printable characters.

    Example:
        >>> one_line("3\x1b[2J" + "9" * 1000, most=6)
        '399999 ...'
    """
    printable = "".join(letter if letter.isprintable() else " " for letter in _STEERING.sub("", text[: 4 * most]))
    said = " ".join(printable.split())
    return said if len(said) <= most else f"{said[:most]} ..."


def in_lines(text: str) -> str:
    r"""Return a text of anybody's as it may be shown on a terminal: its lines, without what steers one.

    Example:
        >>> in_lines("\x1b[31mred\x1b[0m\n\tand\a plain\r\n")
        'red\n and plain\n'
    """
    lines = _STEERING.sub("", text).replace("\r\n", "\n").replace("\t", " ").split("\n")
    return "\n".join("".join(filter(str.isprintable, line)) for line in lines)


@contextmanager
def open_regular(path: Path | str, most: int | None = None) -> Iterator[BufferedReader]:
    """Open a file for reading its bytes; what never ends, or waits for somebody to write, is no file.

    Args:
        path: a regular file, or a link to one.
        most: how many bytes it may have.

    Raises:
        OSError: there is none, or it may not be read.
        ValueError: it is a pipe or a device, or is too large.

    Example:
        >>> with open_regular("/dev/zero") as file:
        ...     pass
        Traceback (most recent call last):
        ValueError: it is a device, not a file
    """
    # A pipe that nobody writes to would be waited for.
    with open(path, "rb", opener=lambda name, flags: os.open(name, flags | getattr(os, "O_NONBLOCK", 0))) as file:
        about = os.fstat(file.fileno())
        if not stat.S_ISREG(about.st_mode):
            kind = "a pipe" if stat.S_ISFIFO(about.st_mode) else "a device"
            raise ValueError(f"it is {kind}, not a file")
        if most is not None and about.st_size > most:
            raise ValueError(f"it has {about.st_size:,} bytes, expected {most:,} at most")
        yield file


def read_text(path: Path | str, most: int = MOST_TEXT) -> str:
    """Return the text of a regular file in UTF-8.

    Args:
        path: the file.
        most: how many bytes it may have.

    Raises:
        OSError: as `open_regular`.
        ValueError: as `open_regular`, or it is no UTF-8.
    """
    with open_regular(path, most) as file:
        return file.read(most + 1).decode()


def read_json(text: str) -> object:
    """Return what JSON says, of numbers that are finite and of at most 64 bits, nested no deeper than `DEEPEST`.

    Raises:
        ValueError: `text` is no JSON, says NaN or Infinity, or a number that is too large.
        RecursionError: it is nested deeper.

    Example:
        >>> read_json('{"classes": ["shoe"], "size": 28}')
        {'classes': ['shoe'], 'size': 28}
        >>> read_json("1e999")
        Traceback (most recent call last):
        ValueError: expected finite numbers, got 1e999
    """
    value: object = json.loads(text, parse_constant=_finite, parse_float=_finite, parse_int=_whole)
    _check_depth(value)
    return value


def _finite(word: str) -> float:
    number = float(word)
    if not math.isfinite(number):
        raise ValueError(f"expected finite numbers, got {word[:40]}")
    return number


def _whole(word: str) -> int:
    # A sign and as many digits as 2**64 has.
    number = int(word) if len(word) <= 21 else 2**64
    if abs(number) >= 2**64:
        raise ValueError(f"expected integers of at most 64 bits, got one of {len(word)} digits")
    return number


def _check_depth(value: object) -> None:
    level = [value]
    for _ in range(DEEPEST):
        level = [
            inner
            for outer in level
            if isinstance(outer, list | dict)
            for inner in (outer.values() if isinstance(outer, dict) else outer)
        ]
        if not level:
            return
    raise RecursionError("nested too deeply")
