"""Is this a number that a source can be made of? Asked once, when it is made."""

import math
from numbers import Real
from operator import index

from ...errors import InputError, InputTypeError


def check_number(
    source: str, argument: str, value: object, least: float, expected: str, most: float = math.inf
) -> None:
    """Refuse what is no number from `least` to `most`.

    Raises:
        InputTypeError: no number.
        InputError: another number, or none at all (NaN).
    """
    if isinstance(value, bool) or not isinstance(value, Real):
        raise InputTypeError(verb=source, argument=argument, expected=expected, got=repr(value)[:100])
    if not least <= float(value) <= most:
        raise InputError(verb=source, argument=argument, expected=expected, got=repr(value))


def check_integer(source: str, argument: str, value: object, least: int, expected: str) -> None:
    """Refuse what is no integer from `least` on.

    Raises:
        InputTypeError: no integer.
        InputError: a smaller one.
    """
    try:
        number = index(value) if not isinstance(value, bool) else None  # type: ignore[arg-type]  # what it is, is asked
    except TypeError:
        number = None
    if number is None:
        raise InputTypeError(verb=source, argument=argument, expected=expected, got=repr(value)[:100])
    if number < least:
        raise InputError(verb=source, argument=argument, expected=expected, got=repr(value))
