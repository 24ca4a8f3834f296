"""Which modules are norms that can be converted, or have been, and what are they called?"""

from torch import nn

from ...norms import is_norm
from ._former import NAME


def is_convertible(module: nn.Module) -> bool:
    """Whether a module is a batch norm, or was one before it was converted."""
    return is_norm(module) or NAME in vars(module)


def named(norm: nn.Module) -> str:
    """The class of a norm; classes of several libraries have the same name, so that of the library is part of it."""
    return name_of(type(norm))


def name_of(kind: type) -> str:
    """The name by which a class is imported, and not where it is written."""
    module = kind.__module__
    if module.startswith(("torch.nn.", "batchnorm.nn.")):
        module = ".".join(module.split(".")[:2])
    return f"{module}.{kind.__qualname__}"
