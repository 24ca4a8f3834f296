"""Can timm or torchvision be imported, and if not, why not?"""

import importlib
import sys
from types import ModuleType

import torch

from ..errors import InputError
from ._own_model import described

_BOTH = ("timm", "torchvision")


def imported(name: str) -> ModuleType:
    """Import timm or torchvision; where that fails, forget what was imported of them, and say the true reason.

    Raises:
        InputError: it is not installed, or importing it raises.
    """
    before = frozenset(sys.modules)
    try:
        return importlib.import_module(name)
    except Exception as error:  # a library that was built for another torch may raise anything
        for entry in {*sys.modules} - before:
            if entry.partition(".")[0] in _BOTH:
                del sys.modules[entry]
        if isinstance(error, ModuleNotFoundError) and error.name in _BOTH:
            missing = name if error.name == name else f"{error.name}, which {name} imports,"
            raise InputError(
                f"{missing} is not installed", argument="model", cure="Install it: pip install 'batchnorm[zoo]'."
            ) from error
        problem = f"{name} is installed but cannot be imported: {described(error)}"
        raise InputError(problem, argument="model", cure=how_to_mend(error)) from error


def how_to_mend(error: Exception) -> str:
    """What to do where timm or torchvision, or what imports them, cannot be imported.

    Example:
        >>> how_to_mend(RuntimeError("operator torchvision::nms does not exist"))
        'The torchvision here was built for another torch than 2...
    """
    if "torchvision::" in str(error):
        return (
            f"The torchvision here was built for another torch than {torch.__version__}. Install the one that was "
            "built for it, from where this torch came: torch and torchvision have to be of one version and one kind "
            "(for CPUs, or for one CUDA)."
        )
    return f"Install one that fits torch {torch.__version__}: pip install 'batchnorm[zoo]'."
