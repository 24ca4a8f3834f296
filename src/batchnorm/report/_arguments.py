"""Can this be drawn, and where is it to go? Asked before anything is drawn or written."""

from collections.abc import Sequence
from pathlib import Path

from torch import Tensor

from ..errors import InputError

Numbers = Sequence[int] | Sequence[float] | Tensor


def check_png(path: Path | str) -> None:
    """Raise `InputError` unless `path` ends in `.png`: a name must not promise another format.

    Example:
        >>> check_png("a.jpg")
        Traceback (most recent call last):
        batchnorm.errors.InputError: path: expected a name ending in .png, got 'a.jpg'. Use 'a.png'.
    """
    if Path(path).suffix.lower() != ".png":
        better = str(Path(path).with_suffix(".png"))
        raise InputError(
            argument="path", expected="a name ending in .png", got=repr(str(path)), cure=f"Use {better!r}."
        )


def check_length(name: str, values: Sequence[object] | Tensor, expected: int, of: str) -> None:
    """Raise `ValueError` unless there is one value for each of `expected` things.

    Example:
        >>> check_length("titles", ["a.png"], 2, "image")
        Traceback (most recent call last):
        batchnorm.errors.InputError: titles: expected 2 values, one for every image, got 1. Pass one for each.
    """
    if len(values) != expected:
        raise InputError(
            argument=name,
            expected=f"{expected} values, one for every {of}",
            got=str(len(values)),
            cure="Pass one for each.",
        )


def class_numbers(name: str, values: Numbers, count: int, classes: int) -> list[int]:
    """Give `count` class numbers as integers, or raise `ValueError` for what is none.

    Example:
        >>> class_numbers("labels", [0, 7], 2, 5)
        Traceback (most recent call last):
        batchnorm.errors.InputError: labels: expected class numbers from 0 to 4, got 7. Pass the names of ...
    """
    check_length(name, values, count, "image")
    numbers = [int(value) for value in values]
    for number in numbers:
        if not 0 <= number < classes:
            raise InputError(
                argument=name,
                expected=f"class numbers from 0 to {classes - 1}",
                got=str(number),
                cure="Pass the names of all classes.",
            )
    return numbers


def shares(name: str, values: Numbers, count: int) -> list[float]:
    """Give `count` numbers from 0 to 1 as floats, or raise `ValueError` for what is none.

    Example:
        >>> shares("probabilities", [0.25, 1.5], 2)
        Traceback (most recent call last):
        batchnorm.errors.InputError: probabilities: expected numbers from 0 to 1, got 1.5. Apply softmax to the ...
    """
    check_length(name, values, count, "image")
    numbers = [float(value) for value in values]
    for number in numbers:
        if not 0 <= number <= 1:
            raise InputError(
                argument=name,
                expected="numbers from 0 to 1",
                got=str(number),
                cure="Apply softmax to the model's outputs first.",
            )
    return numbers
