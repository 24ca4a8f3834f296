"""What was given in the place of an example or of data, and what was meant by it?"""

from typing import Any

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset

from ..errors import InputTypeError


def shape_in(given: object) -> tuple[int, ...] | None:
    """Return the shape that something is instead of a tensor of it, else None.

    Example:
        >>> shape_in(torch.zeros(2, 3).shape), shape_in([2, 3, 64, 64]), shape_in((torch.zeros(2), 3))
        ((2, 3), (2, 3, 64, 64), None)
    """
    if isinstance(given, torch.Size):
        return tuple(given)
    if not isinstance(given, tuple | list) or type(given) not in (tuple, list) or len(given) < 2:
        return None
    return (*given,) if all(type(size) is int for size in given) else None


def refuse_no_example(given: Any, verb: str, taken: int) -> None:
    """Raise if what was given as an example is surely something else.

    A tuple of integers may be what a model takes that makes its images itself; not if it takes fewer of them.

    Args:
        given: by the caller.
        verb: whose mistakes are told.
        taken: how many positional arguments the model's forward takes.

    Raises:
        InputTypeError: it is a shape, a loader, a data set or an array.
    """
    shape = shape_in(given)
    if shape is not None and (type(given) is not tuple or len(shape) > taken):
        _raise(verb, f"the shape {shape}", f"Pass a tensor of that shape: torch.randn{shape}.")
    if isinstance(given, DataLoader):
        _raise(verb, "DataLoader", "Pass one batch of it: next(iter(loader)).")
    if isinstance(given, Dataset):
        _raise(verb, "a data set", "Pass one batch of it: next(iter(torch.utils.data.DataLoader(dataset))).")
    if isinstance(given, np.ndarray):
        _raise(verb, "numpy.ndarray", "Convert it: torch.as_tensor(example).")


def why_not_called(args: tuple[Any, ...], error: Exception) -> InputTypeError:
    """Return what is to be said of a call without a tensor with which the model failed."""
    shapes = [shape for given in (args, *args) if (shape := shape_in(given)) is not None]
    said = " ".join(str(error).split())
    return InputTypeError(
        argument="example_inputs",
        expected="what the model can be called with",
        got=f"{args!r:.100}, with which it raises {type(error).__name__}: {said[:200]}{' ...' if said[200:] else ''}",
        cure=f"A shape is no example; pass a tensor: torch.randn{shapes[0]}." if shapes else "Pass tensors.",
    )


def _raise(verb: str, got: str, cure: str) -> None:
    raise InputTypeError(
        verb=verb,
        argument="example_inputs",
        expected="a tensor, a tuple of the model's arguments or a dict of its keyword arguments",
        got=got,
        cure=cure,
    )
