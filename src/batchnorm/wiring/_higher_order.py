"""What did an operator do that was given functions, such as `torch.cond` and `flex_attention`?

The functions run as if the model had called them, so that what is in them is seen. What the operator does with their
results is its own: it is written down as one more operator that reads all of them.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

from torch._ops import HigherOrderOperator, OpOverload, OpOverloadPacket

from ._events import operator_name

Watched = Callable[[], AbstractContextManager[Any]]

FUNCTIONAL = {"flex_attention", "while_loop", "scan", "map_impl", "associative_scan"}
"""Those that write into nothing that they are given."""


def run_watched(func: HigherOrderOperator, args: tuple[Any, ...], kwargs: dict[str, Any], watched: Watched) -> Any:
    """Run one of them; return its result, and what its functions returned.

    Args:
        func: the operator.
        args: its arguments.
        kwargs: more of them.
        watched: inside it operators are written down.
    """
    if operator_name(func) == "cond":  # an `if` of the data, as Python's
        condition, then, otherwise, operands = args
        with watched():
            return (then if condition else otherwise)(*operands), None
    results: list[Any] = []
    asks = args[0] if operator_name(func) == "while_loop" else None

    def seen(leaf: Any) -> Any:
        return _Watched(leaf, watched, results, asks=leaf is asks) if _is_function(leaf) else leaf

    return func(*map(seen, args), **{name: seen(value) for name, value in kwargs.items()}), results


class _Watched:
    """A function that is looked at while it runs."""

    def __init__(self, fn: Callable[..., Any], watched: Watched, results: list[Any], *, asks: bool) -> None:
        self._fn = fn
        self._watched = watched
        self._results = results
        self._asks = asks

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        with self._watched():
            result = self._fn(*args, **kwargs)
            if self._asks:
                return bool(result)
        self._results.append(result)
        return result


def _is_function(value: object) -> bool:
    return callable(value) and not isinstance(value, type | OpOverload | OpOverloadPacket | HigherOrderOperator)
