"""What do we say to a name that we do not know?"""

import difflib
from collections.abc import Iterable


def unknown_name(argument: str, got: str, known: Iterable[str]) -> ValueError:
    """The error for a name that is not among the known ones: the near ones first, then all."""
    known = list(known)
    near = difflib.get_close_matches(got, known, n=3, cutoff=0.6)
    hint = f" Did you mean {' or '.join(near)}?" if near else ""
    return ValueError(f"{argument}: expected a known name, got {got!r}.{hint} Known: {', '.join(known)}.")
