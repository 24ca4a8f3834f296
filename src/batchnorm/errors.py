"""The one exception that means: what the caller gave cannot be used; and what to say to a misspelt name."""

import difflib
from collections.abc import Iterable


class InputError(ValueError):
    """An option, a file or a model that was handed in cannot be used.

    The message says which argument, what was expected, what was got and what to do next, so that the command
    line can print it alone and exit with 2. Every other exception is a failure of ours and keeps its traceback.

    Example:
        >>> raise InputError("--epochs: expected an integer >= 1, got -1")
        Traceback (most recent call last):
        batchnorm.errors.InputError: --epochs: expected an integer >= 1, got -1
    """


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return the sentence that names the nearest of the known names, whatever their case; nothing if none is near.

    Example:
        >>> did_you_mean("RESNET8", ("resnet18", "MLP"))
        " Did you mean 'resnet18'?"
    """
    folded = {entry.casefold(): entry for entry in known}
    near = difflib.get_close_matches(name.casefold(), folded, n=2)
    return f" Did you mean {' or '.join(repr(folded[entry]) for entry in near)}?" if near else ""
