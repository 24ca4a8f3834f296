"""How a command prints one line of JSON that every reader takes."""

import json
from typing import Any

from ..errors import RefusedError, Setting


def to_line(value: Any) -> str:
    r"""Return plain values as one line of JSON in ASCII, which no encoding of the standard output can spoil.

    Raises:
        RefusedError: a number is not finite, for which JSON has no word.

    Example:
        >>> print(to_line({"run": "é"}))
        {"run": "\u00e9"}
    """
    try:
        return json.dumps(value, allow_nan=False)
    except ValueError as error:
        raise RefusedError(
            f"a number of the result is not finite, and JSON cannot hold it ({error})",
            cure=("Look at it without ", Setting("json"), "."),
        ) from error
