"""What does a constructor take that hands its arguments on? Told to `help` and to editors, and written once."""

import inspect
from collections.abc import Callable
from typing import Any, TypeVar

F = TypeVar("F", bound=Callable[..., None])


def takes(constructor: Callable[..., None], *, without: str = "", **own: Any) -> Callable[[F], F]:
    """Show for a function the arguments of the constructor that it calls, and its own or other defaults.

    Args:
        constructor: whose arguments these are.
        without: one of them that the function does not take.
        own: arguments by name, with their defaults: `inspect.Parameter.empty` where there is none.

    Example:
        >>> def constructor(self, size, *, activation=None): ...
        >>> @takes(constructor, activation="relu", kernel_size=2)
        ... def init(self, *args, **options): ...
        >>> inspect.signature(init)
        <Signature (self, size, *, activation='relu', kernel_size=2)>
    """

    def decorate(function: F) -> F:
        given = inspect.signature(constructor)
        parameters = {name: one for name, one in given.parameters.items() if name != without}
        notes = function.__annotations__
        for name, default in own.items():
            known = parameters.get(name)
            parameters[name] = (
                known.replace(default=default)
                if known
                else inspect.Parameter(
                    name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=notes.get(name, given.empty)
                )
            )
        function.__signature__ = given.replace(parameters=list(parameters.values()))  # type: ignore[attr-defined]
        return function

    return decorate
