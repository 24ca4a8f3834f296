"""Are these tensors, as they must be? Asked where it costs nothing beside the work, or when something has failed."""

from typing import Any

import numpy as np
from torch import Tensor

from ..errors import InputTypeError


def is_tensor_like(value: object) -> bool:
    """Whether a value is a tensor, or stands for one: torch.fx traces with proxies, others override torch's functions.

    Example:
        >>> import torch
        >>> is_tensor_like(torch.zeros(())), is_tensor_like([0.0])
        (True, False)
    """
    return isinstance(value, Tensor) or hasattr(type(value), "__torch_function__")


def check_given(verb: str, shape: str = "", /, **given: object) -> None:
    """Raise for the first argument that is no tensor.

    Args:
        verb: the function or the layer that was called.
        shape: of the tensor that was expected, to be read behind "a tensor".
        given: the arguments by their names.

    Raises:
        InputTypeError: one is none.

    Example:
        >>> check_given("normalize", x=[1.0])
        Traceback (most recent call last):
        batchnorm.errors.InputTypeError: normalize: x: expected a tensor, got list. Convert it: torch.as_tensor(x).
    """
    for name, value in given.items():
        if not is_tensor_like(value):
            raise InputTypeError(
                verb=verb,
                argument=name,
                expected=f"a tensor{shape}",
                got="None" if value is None else type(value).__name__,
                cure=_cure(name, value),
            )


def check_optional(verb: str, **given: object) -> None:
    """Raise for the first argument that is neither a tensor nor None.

    Raises:
        InputTypeError: one is neither.
    """
    check_given(verb, "", **{name: value for name, value in given.items() if value is not None})


def _cure(name: str, value: Any) -> str:
    if isinstance(value, list | tuple) and any(map(is_tensor_like, value)):
        return f"Make one of them: torch.stack({name})."
    if isinstance(value, list | tuple | int | float | np.ndarray | np.generic):
        return f"Convert it: torch.as_tensor({name})."
    return "Pass the tensor itself."
