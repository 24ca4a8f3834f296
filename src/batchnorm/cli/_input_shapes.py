"""Which shapes does `--input` name?"""

from collections.abc import Iterable

from ..errors import InputError


def input_shapes(texts: Iterable[str]) -> list[tuple[int, ...]]:
    """Return the sizes that are written with an x between them, for each text.

    Raises:
        InputError: something else is written.

    Example:
        >>> input_shapes(["1x3x224x224"])
        [(1, 3, 224, 224)]
    """
    return [_sizes(text) for text in texts]


def _sizes(text: str) -> tuple[int, ...]:
    parts = text.lower().split("x")
    if not all(part.isdecimal() and int(part) for part in parts):
        raise InputError(f"--input: expected sizes such as 1x3x224x224, got {text!r}")
    return tuple(map(int, parts))
