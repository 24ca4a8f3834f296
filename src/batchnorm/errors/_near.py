"""What is to be said to a misspelt name?"""

import difflib
from collections.abc import Iterable


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return the sentence that names the nearest of the known names, whatever their case; nothing if none is near.

    Example:
        >>> did_you_mean("RESNET8", ("resnet18", "MLP"))
        " Did you mean 'resnet18'?"
    """
    folded = {entry.casefold(): entry for entry in known}
    near = difflib.get_close_matches(name.casefold(), folded, n=2)
    return f" Did you mean {' or '.join(repr(folded[entry]) for entry in near)}?" if near else ""
