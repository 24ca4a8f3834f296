"""Is what a training was given what it takes?"""

import inspect
import os
from collections.abc import Callable, Iterable
from functools import wraps
from typing import ParamSpec, TypeVar

from torch import nn

from ..errors import InputTypeError
from ..progress import Watcher
from ..runs import TrainConfig, name_of, near_option

Given = ParamSpec("Given")
Value = TypeVar("Value")

_HEARD = [name for name in vars(Watcher) if not name.startswith("_")]


def check_given(*, config: object = None, model: object = None, watcher: object = None) -> None:
    """Refuse what is of another kind than a training takes, before anything is done.

    Raises:
        InputTypeError: one is.
    """
    if config is not None and not isinstance(config, TrainConfig):
        raise _other("config", "a TrainConfig", config, _instead_of_a_config(config))
    name_of(model)  # type: ignore[arg-type]  # it refuses what is no model
    if watcher is not None and (isinstance(watcher, type) or not all(hasattr(watcher, name) for name in _HEARD)):
        raise _other("watcher", "a batchnorm.training.Watcher", watcher, "Derive a class from it, and pass an object.")


def tells_options(function: Callable[Given, Value]) -> Callable[Given, Value]:
    """Let a function that takes a config say so where it is given one of its options.

    Example:
        >>> @tells_options
        ... def train(config=None):
        ...     pass
        >>> train(epochs=3)
        Traceback (most recent call last):
        batchnorm.errors.InputTypeError: epochs: train has no such argument. Pass TrainConfig(epochs=...).
    """
    known = inspect.signature(function).parameters

    @wraps(function)
    def told(*args: Given.args, **kwargs: Given.kwargs) -> Value:
        for name in kwargs:
            if name not in known:
                raise _no_argument(function.__name__, name, known)
        return function(*args, **kwargs)

    return told


def _no_argument(function: str, name: str, known: Iterable[str]) -> InputTypeError:
    options = TrainConfig.__dataclass_fields__
    if name in options:
        cure = f"Pass TrainConfig({name}=...)."
    else:
        cure = near_option(name, options, say="TrainConfig({}=...)".format).strip() or f"It takes {', '.join(known)}."
    return InputTypeError(f"{function} has no such argument", argument=name, cure=cure)


def _instead_of_a_config(given: object) -> str:
    if isinstance(given, dict):
        return "Pass TrainConfig(**options)."
    if isinstance(given, str | os.PathLike):
        return "Read the file: batchnorm.runs.read_config(path)."
    return "Pass model=net." if isinstance(given, nn.Module) else ""


def _other(argument: str, expected: str, got: object, cure: str = "") -> InputTypeError:
    kind = f"the class {got.__name__}" if isinstance(got, type) else type(got).__name__
    return InputTypeError(argument=argument, expected=expected, got=kind, cure=cure)
