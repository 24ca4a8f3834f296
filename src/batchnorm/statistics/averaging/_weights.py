"""How much of an average is each model?"""

import math
from collections.abc import Iterable, Mapping
from numbers import Real

from torch import Tensor

from ...errors import InputError, InputTypeError, its_type


def parts_of(weights: object, count: int) -> list[float]:
    """Return the weights, divided by their sum.

    Args:
        weights: what the caller gave; `None` for equal ones.
        count: the number of models.

    Raises:
        InputTypeError: they are no numbers.
        InputError: there are more or fewer than models, or they have no sum to divide by.

    Example:
        >>> parts_of([1, 3], 2), parts_of(None, 2)
        ([0.25, 0.75], [0.5, 0.5])
    """
    if weights is None:
        return [1 / count] * count
    numbers = [_number(weight, place) for place, weight in enumerate(_listed(weights))]
    if len(numbers) != count:
        raise InputError(argument="weights", expected=f"one for each of {count} models", got=str(len(numbers)))
    for place, number in enumerate(numbers):
        if not 0 <= number < math.inf:
            raise InputError(argument=f"weights[{place}]", expected="a finite number of at least 0", got=f"{number:g}")
    largest = max(numbers)
    if largest == 0:
        raise InputError(argument="weights", expected="one above 0", got="only zeros")
    numbers = [number / largest for number in numbers]  # their sum is a number, whatever they are
    return [number / math.fsum(numbers) for number in numbers]


def _listed(weights: object) -> list[object]:
    if isinstance(weights, Tensor):
        weights = weights.tolist()
    if isinstance(weights, str | bytes | Mapping) or not isinstance(weights, Iterable):
        raise InputTypeError(
            argument="weights",
            expected="a list of numbers, one for each model",
            got=its_type(weights),
            cure="Leave it out for equal ones.",
        )
    return [*weights]


def _number(weight: object, place: int) -> float:
    if isinstance(weight, Tensor) and weight.numel() == 1:
        weight = weight.item()
    if isinstance(weight, bool) or not isinstance(weight, Real):
        raise InputTypeError(argument=f"weights[{place}]", expected="a number", got=its_type(weight))
    try:
        return float(weight)
    except OverflowError:
        return math.inf
