"""What do we say to a name that we do not know?"""

from collections.abc import Iterable

from ..errors import did_you_mean


def unknown_name(argument: str, got: str, known: Iterable[str]) -> ValueError:
    """The error for a name that is not among the known ones: the near ones first, then all."""
    known = list(known)
    hint = did_you_mean(got, known)
    return ValueError(f"{argument}: expected a known name, got {got!r}.{hint} Known: {', '.join(known)}.")
