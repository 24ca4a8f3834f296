"""Code of one's own, `package.module:name`: import it, call it, or say what is wrong."""

import importlib
import inspect
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

from torch import nn

from ..errors import InputError, did_you_mean, its_type
from ..files import one_line


def build_own(name: str, offered: Mapping[str, Any], required: Mapping[str, Any]) -> nn.Module:
    """Import `package.module:function`, call it, and give the model that it returns.

    Args:
        name: module and function; as with `python -m`, modules of the current folder come first.
        offered: arguments that are passed if the function has parameters of their names.
        required: arguments that the function has to take.

    Raises:
        InputError: there is no such function, it does not take the arguments, it raises, or it
            returns no Module.
    """
    with own_code("model", name) as function:
        if isinstance(function, nn.Module) or not callable(function):
            raise InputError(
                argument="model",
                expected="a function that makes the model",
                got=f"{name!r}, which is {its_type(function)}",
                cure="Write a function that returns it.",
            )
        arguments = _arguments_for(name, function, offered, required)
        try:
            model = function(**arguments)
        except Exception as error:
            raise InputError(f"{name!r}: the function raised {described(error)}", argument="model") from error
    if not isinstance(model, nn.Module):
        raise InputError(
            argument="model",
            expected="a function that returns a torch.nn.Module",
            got=f"{name!r}, which returns {its_type(model)}",
            cure="Let it return the model itself.",
        )
    return model


@contextmanager
def own_code(argument: str, name: str, *, meant: str = "function") -> Iterator[Any]:
    """Import what `package.module:name` means; the current folder is importable inside the block.

    Args:
        argument: of whom the name is the value.
        name: module and name in it; as with `python -m`, modules of the current folder come first.
        meant: what the name should be one of.

    Raises:
        InputError: there is none.

    Example:
        >>> with own_code("model", "torch.nn:Flatten") as found:
        ...     found()
        Flatten(start_dim=1, end_dim=-1)
    """
    module_name, _, inside = name.partition(":")
    if module_name.endswith(".py") or not all(part.isidentifier() for part in (*module_name.split("."), inside)):
        cure = _of_a_file(module_name, inside)
        raise InputError(argument=argument, expected=f"package.module:{meant}", got=repr(name), cure=cure)
    with _current_folder_importable():
        module = _imported(argument, name, module_name)
        if not hasattr(module, inside):
            public = tuple(entry for entry in vars(module) if not entry.startswith("_"))
            raise InputError(
                f"{name!r}: {module_name} ({getattr(module, '__file__', 'built in')}) has no {inside!r}",
                argument=argument,
                cure=did_you_mean(inside, public),
            )
        yield getattr(module, inside)


def _of_a_file(path: str, inside: str) -> str:
    """Return the name of the module where the path of its file was given, as a sentence."""
    module = path.removesuffix(".py").removeprefix("./").replace("\\", "/").replace("/", ".")
    meant = all(part.isidentifier() for part in (*module.split("."), inside))
    return f" Did you mean '{module}:{inside}'?" if meant else ""


def _imported(argument: str, name: str, module_name: str) -> ModuleType:
    try:
        return importlib.import_module(module_name)
    except Exception as error:
        missing = error.name if isinstance(error, ModuleNotFoundError) else None
        if missing and f"{module_name}.".startswith(f"{missing}."):
            raise InputError(
                f"{name!r}: there is no module {missing!r}, neither in {Path.cwd()} nor installed",
                argument=argument,
                cure="Run from the folder that holds it, or install its package.",
            ) from None
        raise InputError(f"{name!r}: importing {module_name} raised {described(error)}", argument=argument) from error


def _arguments_for(
    name: str,
    function: Callable[..., object],
    offered: Mapping[str, Any],
    required: Mapping[str, Any],
) -> dict[str, Any]:
    try:
        signature = inspect.signature(function)
    except ValueError as error:
        raise InputError(argument="model", expected="a function written in Python", got=f"{name!r}: {error}") from None
    kinds = {parameter.name: parameter.kind for parameter in signature.parameters.values()}
    takes_all = inspect.Parameter.VAR_KEYWORD in kinds.values()
    by_name = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    taken = {key: value for key, value in offered.items() if takes_all or kinds.get(key) in by_name}
    arguments = taken | dict(required)
    try:
        signature.bind(**arguments)
    except TypeError as error:
        unknown = next((key for key in required if not takes_all and key not in kinds), "")
        near = did_you_mean(unknown, kinds) if unknown else ""
        raise InputError(
            f"{name!r}: the function's signature is {signature}; it cannot be called with "
            f"({', '.join(f'{key}={value!r}' for key, value in arguments.items())}): {error}",
            argument="model",
            cure=near,
        ) from None
    return arguments


@contextmanager
def _current_folder_importable() -> Iterator[None]:
    folder = str(Path.cwd())
    sys.path.insert(0, folder)
    importlib.invalidate_caches()  # a module that was written a moment ago must be seen
    try:
        yield
    finally:
        if folder in sys.path:
            sys.path.remove(folder)


def described(error: Exception) -> str:
    """Return an exception's type and words."""
    said = one_line(str(error), 500)
    return f"{type(error).__name__}: {said}" if said else type(error).__name__
