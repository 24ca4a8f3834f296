"""What are runs called in a picture, so that each is told from the others?"""

from collections.abc import Sequence
from pathlib import PurePath

from ..files import one_line
from ..records import RunHistory

MOST_LETTERS = 48


def run_names(histories: Sequence[RunHistory]) -> list[str]:
    """Return the last part of each run's path, or as many of them as it takes for all names to differ.

    Example:
        >>> run_names([RunHistory("runs/a/first", ()), RunHistory("runs/b/first", ())])
        ['a/first', 'b/first']
        >>> run_names([RunHistory("runs/a/first", ()), RunHistory("runs/b/second", ())])
        ['first', 'second']
    """
    parts = [PurePath(history.run).parts or (history.run,) for history in histories]
    apart = len(set(parts))
    deepest = max(map(len, parts), default=1)
    names = [PurePath(*one[-1:]).as_posix() for one in parts]
    for depth in range(1, deepest + 1):
        names = [PurePath(*one[-depth:]).as_posix() for one in parts]
        if len(set(names)) == apart:
            break
    return [*map(_shortened, names)]


def _shortened(name: str) -> str:
    """Leave out the middle: what is told apart stands at either end."""
    name = one_line(name, 1000)
    half = (MOST_LETTERS - 3) // 2
    return name if len(name) <= MOST_LETTERS else f"{name[:half]}...{name[-half:]}"
