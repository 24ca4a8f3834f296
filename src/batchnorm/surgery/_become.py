"""How does a module become one of another class, and what it was again, and stay the same object?

Whoever holds the module (a list, a closure, a hook, an optimizer by its parameters, a second place in the model) holds
it still, and torch's tables stay the very objects to which the handles of hooks point.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from torch import nn

from ..transaction import TABLES


@dataclass(frozen=True, slots=True, eq=False)
class Become:
    """Gives a module a class and all that it holds; it may be carried out at any time, and more than once.

    Attributes:
        module: the module.
        kind: its class afterwards.
        held: its `__dict__` afterwards. Torch's tables in it are what the module's own are filled with.

    Example:
        >>> norm = nn.BatchNorm1d(2)
        >>> before = as_it_is(norm)
        >>> Become(norm, nn.Identity, vars(norm)).carry_out()
        >>> norm
        Identity()
        >>> before.carry_out()
        >>> type(norm).__name__
        'BatchNorm1d'
    """

    module: nn.Module
    kind: type[nn.Module]
    held: Mapping[str, Any]

    def carry_out(self) -> None:
        """Let the module be that.

        Raises:
            TypeError: Python cannot give an object of its class the other one.
        """
        if type(self.module) is not self.kind:
            # Past what a class does when it is set an attribute.
            object.__setattr__(self.module, "__class__", self.kind)
        present, wanted = vars(self.module), dict(self.held)
        for name in present.keys() - wanted.keys():
            del present[name]
        for name, value in wanted.items():
            present[name] = _filled(present.get(name), value) if _is_table(name, value) else value


def can_become(module: nn.Module, kind: type[nn.Module]) -> bool:
    """Whether Python can give a module a class: in memory, objects of both have to be laid out alike.

    A list of bases that begins with an empty one, such as `abc.ABC`, is enough to make a difference.
    """
    blank = object.__new__(type(module))
    try:
        object.__setattr__(blank, "__class__", kind)
    except TypeError:
        return False
    return True


def as_it_is(module: nn.Module) -> Become:
    """What makes a module again what it is now: the same objects, in tables of their own."""
    held = {name: value.copy() if _is_table(name, value) else value for name, value in vars(module).items()}
    return Become(module, type(module), held)


def _is_table(name: str, value: object) -> bool:
    return name in TABLES and isinstance(value, dict | set)  # a script of torch.jit has something else there


def _filled(table: Any, value: Any) -> Any:
    """The table that a module has, with what it is to hold."""
    if table is value or type(table) is not type(value):
        return value if table is value else value.copy()
    table.clear()
    table.update(value)
    return table
