"""What does a constructor take that hands its arguments on? Told to `help` and to editors, and written once."""

import inspect
from collections.abc import Callable
from inspect import Parameter
from typing import TypeVar

F = TypeVar("F", bound=Callable[..., None])

_STARRED = (Parameter.VAR_POSITIONAL, Parameter.VAR_KEYWORD)


def takes(constructor: Callable[..., None], *, without: str = "") -> Callable[[F], F]:
    """Show for a function, besides its own arguments, those of the constructor that it hands the others on to.

    Those that it has no `*args` for can be given by their names alone.

    Args:
        constructor: whose arguments these are.
        without: one of them that the function does not take.

    Example:
        >>> def constructor(self, size, eps=1e-5, *, activation=None): ...
        >>> @takes(constructor)
        ... def pool(self, size, *args, activation="relu", window=2, **options): ...
        >>> inspect.signature(pool)
        <Signature (self, size, eps=1e-05, *, activation='relu', window=2)>
        >>> @takes(constructor, without="activation")
        ... def ghost(self, size, slices, **options): ...
        >>> inspect.signature(ghost)
        <Signature (self, size, slices, *, eps=1e-05)>
    """

    def decorate(function: F) -> F:
        mine, given = inspect.signature(function), inspect.signature(constructor)
        own = {name: one for name, one in mine.parameters.items() if one.kind not in _STARRED}
        handed = [one for name, one in given.parameters.items() if name not in own and name != without]
        if all(one.kind is not Parameter.VAR_POSITIONAL for one in mine.parameters.values()):
            handed = [one.replace(kind=Parameter.KEYWORD_ONLY) for one in handed]
        order = [*own.values(), *handed]
        place = [*given.parameters, *own].index  # the constructor's order, and behind it what it does not know
        parameters = sorted(order, key=lambda one: (one.kind, one.kind is Parameter.KEYWORD_ONLY and place(one.name)))
        function.__signature__ = mine.replace(parameters=parameters)  # type: ignore[attr-defined]
        return function

    return decorate
