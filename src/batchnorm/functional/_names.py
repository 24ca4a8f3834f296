"""What do we say to a name that we do not know?"""

from collections.abc import Iterable

from ..errors import InputError, did_you_mean


def unknown_name(argument: str, got: str, known: Iterable[str]) -> ValueError:
    """The error for a name that is not among the known ones: the near ones first, then all."""
    known = list(known)
    hint = did_you_mean(got, known)
    return InputError(
        argument=argument, expected="a known name", got=repr(got), cure=f"{hint} Known: {', '.join(known)}."
    )
