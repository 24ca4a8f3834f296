"""Is this a number that a source can be made of? Asked once, when it is made, which keeps it as Python's own."""

import math
from numbers import Real
from operator import index

from ...errors import InputError, InputTypeError


def checked_number(
    source: str, argument: str, value: object, least: float, expected: str, cure: str, most: float = math.inf
) -> float:
    """A number from `least` to `most`, of Python, NumPy or others, as one of Python: it has a text, which is read back.

    Raises:
        InputTypeError: no number.
        InputError: another number, or none at all (NaN).
    """
    if isinstance(value, bool) or not isinstance(value, int | Real):
        raise InputTypeError(verb=source, argument=argument, expected=expected, got=repr(value)[:100], cure=cure)
    number = index(value) if isinstance(value, int) else float(value)
    if not least <= number <= most:
        raise InputError(verb=source, argument=argument, expected=expected, got=repr(value), cure=cure)
    return number


def checked_integer(source: str, argument: str, value: object, least: int, expected: str, cure: str) -> int:
    """An integer from `least` on, of Python, NumPy or torch, as one of Python: a tensor has no hash by its value.

    Raises:
        InputTypeError: no integer.
        InputError: a smaller one.
    """
    try:
        number = index(value) if not isinstance(value, bool) else None  # type: ignore[arg-type]  # what it is, is asked
    except TypeError:
        number = None
    if number is None:
        raise InputTypeError(verb=source, argument=argument, expected=expected, got=repr(value)[:100], cure=cure)
    if number < least:
        raise InputError(verb=source, argument=argument, expected=expected, got=repr(value), cure=cure)
    return number
