"""Which values can a file hold as they are, and what becomes of others that a caller hands over?"""

import math
from collections.abc import Mapping
from typing import Annotated, Any

from ..errors import InputTypeError, its_type

Plain = Annotated[Any, "a plain value"]
"""Text, a number, a bool, None, or a tuple of such, however deep."""


DEEPEST = 20
"""How many lists may lie in one another."""


def plain(value: object, argument: str, depth: int = 0) -> Plain:
    """Return a value as a record keeps it: lists and arrays are tuples, and a number that is not finite is None.

    Args:
        value: what is to be kept; an array, a tensor or a number of numpy is taken for the numbers in it.
        argument: what it is called where it is refused.
        depth: how many lists it lies in.

    Raises:
        InputTypeError: it is, or holds, something else, or lists are nested too deeply.

    Example:
        >>> plain([1, 0.5, [float("nan"), "sgd"]], "options")
        (1, 0.5, (None, 'sgd'))
    """
    if isinstance(value, list | tuple) and depth < DEEPEST:
        return tuple(plain(one, argument, depth + 1) for one in value)
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if value is None or type(value) in (str, int, float, bool):
        return value
    if hasattr(value, "tolist"):
        return plain(value.tolist(), argument, depth)
    raise InputTypeError(
        argument=argument,
        expected=f"text, numbers, bools, None, or lists of them ({DEEPEST} in one another at most)",
        got=its_type(value),
        cure="Give its name, or the numbers that make it.",
    )


def plain_values(values: Mapping[str, object], argument: str) -> dict[str, Plain]:
    """Return values by their names as a record keeps them.

    Raises:
        InputTypeError: as `plain`.
    """
    return {name: plain(value, f"{argument}[{name!r}]") for name, value in values.items()}
