"""Which of a plan's changes is to blame, if a model does not do what it did?"""

from collections.abc import Callable

from ..errors import RefusedError


def put_back_culprits(
    active: Callable[[], list[str]], agrees: Callable[[list[str]], bool], demote: Callable[[str], None]
) -> list[str]:
    """Take back the changes without which the model agrees, one after the other, and return those that stay.

    Args:
        active: names the changes that are to be made.
        agrees: whether the model, with these changes, does what it did.
        demote: is given a culprit, and takes it, or a part of it, out of `active`.

    Raises:
        RefusedError: the model does not agree although nothing is changed.

    Example:
        >>> names = ["a", "b", "c"]
        >>> put_back_culprits(lambda: names, lambda some: "b" not in some, names.remove)
        ['a', 'c']
    """
    while not agrees(names := active()):
        if not names:
            raise RefusedError(
                argument="model",
                expected="a model that gives the same output for the same input",
                got="one that does not, although every change has been taken back",
                cure="Remove randomness and memory of former calls from its forward.",
            )
        demote(names[_first_bad(names, agrees) - 1])
    return names


def _first_bad(active: list[str], agrees: Callable[[list[str]], bool]) -> int:
    """The length of the shortest beginning with which the model does not agree."""
    good, bad = 0, len(active)
    while bad - good > 1:
        middle = (good + bad) // 2
        good, bad = (middle, bad) if agrees(active[:middle]) else (good, middle)
    return bad
