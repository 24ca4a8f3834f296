"""A model of one's own, `package.module:function`: import it, call it, or say what is wrong."""

import importlib
import inspect
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

from torch import nn

from ..errors import InputError, did_you_mean
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
    with _current_folder_importable():
        function = _find(name)
        arguments = _arguments_for(name, function, offered, required)
        try:
            model = function(**arguments)
        except Exception as error:
            raise InputError(f"model {name!r}: the function raised {_described(error)}") from error
    if not isinstance(model, nn.Module):
        raise InputError(
            f"model {name!r}: expected a function that returns a torch.nn.Module, "
            f"got {_kind(model)} from it. Let it return the model itself."
        )
    return model


def _find(name: str) -> Callable[..., object]:
    module_name, _, function_name = name.partition(":")
    is_file = module_name.endswith(".py")
    if is_file or not all(part.isidentifier() for part in (*module_name.split("."), function_name)):
        raise InputError(
            f"model: expected package.module:function, got {name!r}.{_of_a_file(module_name, function_name)}"
        )
    module = _imported(name, module_name)
    if not hasattr(module, function_name):
        public = tuple(entry for entry in vars(module) if not entry.startswith("_"))
        raise InputError(
            f"model {name!r}: {module_name} ({module.__file__}) has no {function_name!r}."
            + did_you_mean(function_name, public)
        )
    function = getattr(module, function_name)
    if isinstance(function, nn.Module) or not callable(function):
        raise InputError(
            f"model {name!r}: expected a function that makes the model, got {_kind(function)}. "
            "Write a function that returns it."
        )
    checked: Callable[..., object] = function
    return checked


def _of_a_file(path: str, function: str) -> str:
    """Return the name of the module where the path of its file was given, as a sentence."""
    module = path.removesuffix(".py").removeprefix("./").replace("\\", "/").replace("/", ".")
    meant = all(part.isidentifier() for part in (*module.split("."), function))
    return f" Did you mean '{module}:{function}'?" if meant else ""


def _imported(name: str, module_name: str) -> ModuleType:
    try:
        return importlib.import_module(module_name)
    except Exception as error:
        missing = error.name if isinstance(error, ModuleNotFoundError) else None
        if missing and f"{module_name}.".startswith(f"{missing}."):
            raise InputError(
                f"model {name!r}: there is no module {missing!r}, neither in {Path.cwd()} nor "
                "installed. Run from the folder that holds it, or install its package."
            ) from None
        raise InputError(f"model {name!r}: importing {module_name} raised {_described(error)}") from error


def _arguments_for(
    name: str,
    function: Callable[..., object],
    offered: Mapping[str, Any],
    required: Mapping[str, Any],
) -> dict[str, Any]:
    try:
        signature = inspect.signature(function)
    except ValueError as error:
        raise InputError(f"model {name!r}: expected a function written in Python; {error}.") from None
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
            f"model {name!r}: the function's signature is {signature}, it cannot be called with "
            f"({', '.join(f'{key}={value!r}' for key, value in arguments.items())}): {error}.{near}"
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


def _described(error: Exception) -> str:
    said = one_line(str(error), 500)
    return f"{type(error).__name__}: {said}" if said else type(error).__name__


def _kind(value: object) -> str:
    return "None" if value is None else f"an object of type {type(value).__name__}"
