"""Which function does the name of an activation stand for?"""

from collections.abc import Callable
from functools import partial
from types import MappingProxyType

import torch
import torch.nn.functional as F
from torch import Tensor

from ..errors import InputTypeError
from ._names import unknown_name

Activation = str | Callable[[Tensor], Tensor] | None
"""What `activation=` takes: a name in `ACTIVATIONS`, a module or function of a tensor, or None."""

ACTIVATIONS: MappingProxyType[str, Callable[[Tensor], Tensor]] = MappingProxyType(
    {
        "celu": F.celu,
        "elu": F.elu,
        "gelu": F.gelu,
        "gelu_tanh": partial(F.gelu, approximate="tanh"),
        "hardsigmoid": F.hardsigmoid,
        "hardswish": F.hardswish,
        "hardtanh": F.hardtanh,
        "leaky_relu": F.leaky_relu,
        "mish": F.mish,
        "relu": F.relu,
        "relu6": F.relu6,
        "selu": F.selu,
        "sigmoid": torch.sigmoid,
        "silu": F.silu,
        "softplus": F.softplus,
        "tanh": torch.tanh,
    }
)
"""The activations that have a name, each with torch's default arguments."""


def activate(y: Tensor, activation: Activation = None) -> Tensor:
    """Apply an activation by name, or a module or function of one tensor; None gives `y` back.

    Raises:
        ValueError: a name that is not in `ACTIVATIONS`; the message has the near ones.
        TypeError: neither a name nor something that can be called, or a class instead of a module.

    Example:
        >>> activate(torch.tensor([-1.0, 2.0]), "relu")
        tensor([0., 2.])
        >>> activate(torch.tensor([1.0]), "rleu")  # doctest: +ELLIPSIS
        Traceback (most recent call last):
        batchnorm.errors.InputError: activation: expected a known name, got 'rleu'. Did you mean 'relu' or ...
    """
    if activation is None:
        return y
    if isinstance(activation, str) and activation in ACTIVATIONS:
        return ACTIVATIONS[activation](y)
    check_activation(activation)
    return activation(y)  # type: ignore[operator]  # check_activation lets no name pass


def check_activation(activation: Activation) -> None:
    """Refuse what `activate` cannot apply, before anything has been computed or changed.

    Raises:
        ValueError: an unknown name.
        TypeError: neither a name nor something that can be called, or a class instead of a module.
    """
    if isinstance(activation, str):
        if activation not in ACTIVATIONS:
            raise unknown_name("activation", activation, ACTIVATIONS)
    elif isinstance(activation, type):
        # Calling a class makes an instance: the output would be a module instead of a tensor.
        name = activation.__name__
        raise InputTypeError(
            argument="activation", expected="a module", got=f"the class {name}", cure=f"Make one: {name}()."
        )
    elif activation is not None and not callable(activation):
        raise InputTypeError(
            argument="activation",
            expected="a name, a module or a function of one tensor",
            got=type(activation).__name__,
            cure=f"Names: {', '.join(ACTIVATIONS)}.",
        )
