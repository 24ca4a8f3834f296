"""What was given in the place of a loader, and what was meant by it?"""

from typing import Any

import numpy as np
from torch import Tensor

from ...calls import is_label, shape_in
from ...errors import InputTypeError


def refuse_no_loader(loader: Any) -> None:
    """Raise if what was given can be gone through, but is surely no loader: one would read nonsense from it.

    Raises:
        InputTypeError: it is a shape, an array or a single batch.

    Example:
        >>> refuse_no_loader((2, 3, 64, 64))
        Traceback (most recent call last):
        batchnorm.errors.InputTypeError: loader: expected an iterable of batches, got the shape (2, 3, 64, 64). A list \
of one batch is [torch.randn(2, 3, 64, 64)].
    """
    shape = shape_in(loader)
    if shape is not None:
        _raise(f"the shape {shape}", f"A list of one batch is [torch.randn{shape}].")
    if isinstance(loader, np.ndarray):
        _raise("numpy.ndarray", "Convert it, and put it into a list: [torch.as_tensor(array)].")
    if type(loader) in (tuple, list) and loader and isinstance(loader[0], Tensor):
        labels = [other for other in loader[1:] if isinstance(other, Tensor) and is_label(other, loader[0])]
        if labels:
            _raise("one batch with its labels", "Put it into a list: [batch].")


def _raise(got: str, cure: str) -> None:
    raise InputTypeError(argument="loader", expected="an iterable of batches", got=got, cure=cure)
