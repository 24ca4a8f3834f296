"""By what in an example may a model decide what it does, without an operator that shows it?

By arrays of NumPy, by real numbers of Python that lie in containers and objects, and by what nobody can look into.
Plain values that are arguments of their own are options, and so are whole numbers, words and truth values anywhere:
what a model does with others of these is another call, and an example of its own.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np

from ..calls import Call, leaves_of


def unseen_in(example: Call) -> Iterator[str]:
    """Name these parts, each with its class."""
    arguments: list[tuple[int | str, Any]] = [*enumerate(example.args), *example.kwargs.items()]
    for name, argument in arguments:
        leaves = leaves_of(argument)
        for path, leaf in leaves.found:
            if isinstance(leaf, np.ndarray) or (path and isinstance(leaf, float | complex | np.inexact)):
                yield _named(name, path, leaf)
        for part in leaves.closed:
            yield _named(name, part.path, part.value)


def _named(argument: int | str, path: str, value: Any) -> str:
    place = f"argument {argument}" if isinstance(argument, int) else argument
    return f"{place}{path} ({type(value).__name__})"
