"""Can what a pickle gave be walked through: is it small, not deep, and made of tensors and plain values?"""

from collections.abc import Iterator

from torch import Tensor

from ..files import DEEPEST

MOST = 10**6
"""Entries of all lists and dicts: a few lines of a pickle can name one list a billion times."""
PLAIN = (str, int, float, bool, type(None))


def check_bounded(value: object) -> None:
    """Raise if a value has too many entries, lies too deep, or holds what is neither a tensor nor plain.

    Raises:
        RecursionError: it is nested deeper than `files.DEEPEST`.
        ValueError: it has more than `MOST` entries, or others.

    Example:
        >>> check_bounded({"epoch": 3, "odd": {1, 2}})
        Traceback (most recent call last):
        ValueError: expected tensors and plain values, got one of type set
    """
    level, count = [value], 0
    for _ in range(DEEPEST):
        for odd in level:
            if not isinstance(odd, (*PLAIN, Tensor, dict, list, tuple, bytes)):
                raise ValueError(f"expected tensors and plain values, got one of type {type(odd).__name__}")
        count += len(level)
        if not level:
            return
        if count + sum(len(outer) for outer in level if isinstance(outer, dict | list | tuple)) > MOST:
            raise ValueError(f"it has more than {MOST:,} entries")
        level = [*_inside(level)]
    raise RecursionError("nested too deeply")


def is_plain(value: object) -> bool:
    """Whether a value is made of words and numbers alone; it must be bounded.

    Example:
        >>> is_plain({"lr": 0.1, "model_args": {"width": 4}}), is_plain([Tensor()])
        (True, False)
    """
    level = [value]
    while level:
        if not all(isinstance(entry, (*PLAIN, dict, list, tuple)) for entry in level):
            return False
        level = [*_inside(level)]
    return True


def _inside(level: list[object]) -> Iterator[object]:
    for outer in level:
        if isinstance(outer, dict):
            yield from outer.keys()
            yield from outer.values()
        elif isinstance(outer, list | tuple):
            yield from outer
