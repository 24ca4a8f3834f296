"""How do parameters keep their `.grad`, the very object, whatever runs meanwhile?"""

from collections.abc import Callable, Iterable

from torch import nn


def gradient_steps(parameters: Iterable[nn.Parameter]) -> list[Callable[[], None]]:
    """Return what gives the parameters their present `.grad` and `requires_grad` back."""
    return [_step(parameter) for parameter in parameters]


def _step(parameter: nn.Parameter) -> Callable[[], None]:
    gradient, required = parameter.grad, parameter.requires_grad

    def put_back() -> None:
        parameter.grad = gradient
        if parameter.requires_grad != required:
            parameter.requires_grad_(required)

    return put_back
