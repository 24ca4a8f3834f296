"""Norm layers of one's own, `package.module:function`: what makes them, and does it make layers?"""

from collections.abc import Callable
from typing import Any

from torch import nn

from ..errors import InputError, its_type
from ._own_model import described, own_code


class OwnNorm:
    """The function that makes a caller's own norm layers, checked whenever it is called.

    Args:
        name: `package.module:function`; as with `python -m`, modules of the current folder come first. It is called
            with the number of features and gives a module, as `torch.nn.BatchNorm2d` does.

    Raises:
        InputError: there is no such function.

    Example:
        >>> OwnNorm("torch.nn:BatchNorm2d")(8).num_features
        8
    """

    def __init__(self, name: str) -> None:
        self.name = name
        with own_code("norm", name) as function:
            if isinstance(function, nn.Module) or not callable(function):
                raise InputError(
                    argument="norm",
                    expected="a function num_features -> nn.Module",
                    got=f"{its_type(function)} in {name}",
                    cure="Write a function that makes the layer: every place needs one of its own.",
                )
            self._function: Callable[..., Any] = function

    def __call__(self, num_features: int) -> nn.Module:
        """Make a layer.

        Raises:
            InputError: the function raises, or returns something else.
        """
        try:
            layer = self._function(num_features)
        except Exception as error:  # somebody's code may raise anything
            raise InputError(
                f"{self.name} was called with {num_features} features and raised {described(error)}", argument="norm"
            ) from error
        if not isinstance(layer, nn.Module):
            raise InputError(
                argument="norm",
                expected="a function that returns a torch.nn.Module",
                got=f"{its_type(layer)} from {self.name}",
                cure="Let it return the layer.",
            )
        return layer


def names_own_norm(norm: object) -> bool:
    """Whether a value of the option `norm` means code of the caller's.

    Example:
        >>> names_own_norm("layers:group"), names_own_norm("torch")
        (True, False)
    """
    return isinstance(norm, str) and ":" in norm
