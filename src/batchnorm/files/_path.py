"""Is what was given as a path one?"""

import os
from pathlib import Path

from ..errors import InputTypeError


def as_path(given: object, argument: str, cure: str = "") -> Path:
    """Return a path that was given as text or as a path.

    Args:
        given: by the caller.
        argument: its name.
        cure: what to do instead, a sentence.

    Raises:
        InputTypeError: it is neither.

    Example:
        >>> as_path("runs/first", "run").name
        'first'
        >>> as_path(None, "run")
        Traceback (most recent call last):
        batchnorm.errors.InputTypeError: run: expected a path, got None
    """
    if isinstance(given, os.PathLike):
        given = os.fspath(given)
    if not isinstance(given, str):
        got = "None" if given is None else type(given).__name__
        raise InputTypeError(argument=argument, expected="a path", got=got, cure=cure)
    return Path(given)
