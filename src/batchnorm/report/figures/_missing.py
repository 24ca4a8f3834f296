"""Is what draws figures installed? Asked where one is wanted, so that nothing else needs it."""

from importlib import import_module
from types import ModuleType


def needed(module: str, of: str) -> ModuleType:
    """Import a module of another library, or say in one sentence what installs it.

    Args:
        module: its name, as Python imports it.
        of: the library's name, as people know it.

    Raises:
        ImportError: it cannot be imported.

    Example:
        >>> needed("no_such_module", "no-such-library")
        Traceback (most recent call last):
        ImportError: figures: expected no-such-library, which cannot be imported (No module named 'no_such_module'). ...
    """
    try:
        return import_module(module)
    except ImportError as error:
        raise ImportError(
            f"figures: expected {of}, which cannot be imported ({error}). Install it: pip install 'batchnorm[report]'"
        ) from error
