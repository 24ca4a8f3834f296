"""By what in an example may a model decide what it does, without an operator that shows it?

By arrays of NumPy, by numbers of Python that lie in containers and objects, and by what nobody can look into. Plain
values that are arguments of their own are options, and so are words and truth values anywhere, and whole numbers that
are the length of something: what a model does with others of these is another call, and an example of its own.
"""

import reprlib
from collections.abc import Iterator, Sequence
from numbers import Number
from typing import Any

import numpy as np

from ..calls import Call, Leaves, leaves_of
from ..errors import InputTypeError


def unseen_in(example: Call) -> Iterator[str]:
    """Name these parts, each with its class."""
    lengths = _lengths(example)
    for name, leaves in _arguments(example):
        for path, leaf in leaves.found:
            if isinstance(leaf, np.ndarray) or (path and _may_be_data(leaf, lengths)):
                yield _named(name, path, leaf)
        for part in leaves.closed:
            yield _named(name, part.path, part.value)


def not_varied(examples: Sequence[Call]) -> Iterator[str]:
    """Name the options that are the same in all examples, and dicts and lists, by their lengths.

    What the model does with other options, keys or lengths was not seen.

    Example:
        >>> example = Call((1.0, {"kind": "image"}), {})
        >>> [*not_varied([example])]
        ['argument 0 (1.0)', 'argument 1 (dict of 1)', "argument 1['kind'] ('image')"]
    """
    found: dict[str, dict[str, None]] = {}
    for example in examples:
        lengths = _lengths(example)
        for name, leaves in _arguments(example):
            for path, kind in leaves.containers:
                if kind.startswith(("dict of", "list of")):
                    found.setdefault(name + path, {})[kind] = None
            for path, leaf in leaves.found:
                if isinstance(leaf, str | Number) and not (path and _may_be_data(leaf, lengths)):
                    found.setdefault(name + path, {})[reprlib.repr(leaf)] = None
    return (f"{place} ({value})" for place, (value, *others) in found.items() if not others)


def check_repeatable(examples: Sequence[Call], verb: str) -> None:
    """Say it if a model can be called with an example only once.

    Raises:
        InputTypeError: it can.
    """
    for example in examples:
        for name, leaves in _arguments(example):
            for part in leaves.closed:
                if hasattr(part.value, "__next__"):
                    raise InputTypeError(
                        verb=verb,
                        argument="example_inputs",
                        expected="an example with which the model can be called more than once",
                        got=f"{_named(name, part.path, part.value)}, which one call uses up",
                        cure="Pass a list of its values.",
                    )


def _arguments(example: Call) -> Iterator[tuple[str, Leaves]]:
    for place, argument in enumerate(example.args):
        yield f"argument {place}", leaves_of(argument)
    for name, argument in example.kwargs.items():
        yield name, leaves_of(argument)


def _may_be_data(leaf: object, lengths: set[int]) -> bool:
    if isinstance(leaf, int | np.integer) and not isinstance(leaf, bool):
        return int(leaf) not in lengths
    return isinstance(leaf, float | complex | np.inexact)


def _lengths(example: Call) -> set[int]:
    """Lengths of axes, how often one is repeated, and what comes of counting from 0."""
    tensors = (leaf for leaf in example.tensors if not leaf.is_nested)
    found = {length for tensor in tensors for length in tensor.shape}
    return found | {length - 1 for length in found} | {-1, 0, 1}


def _named(argument: str, path: str, value: Any) -> str:
    return f"{argument}{path} ({type(value).__name__})"
