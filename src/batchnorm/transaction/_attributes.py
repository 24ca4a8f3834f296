"""How is a module's attribute another one for a while, and nothing else touched?"""

from collections.abc import Callable, Iterator
from functools import partial

from torch import nn

from ..errors import InputError
from ._block import block
from ._modes import Switch
from ._staying import Staying
from ._undo import Undo
from ._verb import until_undone


class Attributes:
    """What `attributes` hands to its block: the ways to set."""

    def __init__(self, undo: Undo) -> None:
        self._undo = undo
        self._seen: dict[tuple[int, str], nn.Module] = {}

    def set(self, module: nn.Module, name: str, value: object) -> None:
        """Set a plain attribute of a module until the block ends.

        Raises:
            InputError: the name is that of a parameter, a buffer or a submodule, which are not plain.
        """
        check_plain(module, name, value)
        if (id(module), name) not in self._seen:
            self._undo.add(attribute_step(module, name))
            # The module itself, so that nobody else gets its id.
            self._seen[id(module), name] = module
        setattr(module, name, value)

    def keep_in_training(self, module: nn.Module) -> None:
        """Set a module to training and let it stay there until the block ends, whatever `eval()` and `train()` say."""
        self.set(module, "training", True)
        self.set(module, "train", Staying(module))

    def afterwards(self, step: Callable[[], object]) -> None:
        """Run a step when the block ends, whatever is raised; an interrupt may let it run twice."""
        self._undo.add(step)

    def evaluate(self, model: nn.Module) -> None:
        """Switch a model to evaluation by its own `eval()` until the block ends.

        What that switch changes goes back: modes, and tables that a module makes of its weights for evaluation. What
        is written inside the block by others stays.
        """
        switch = Switch(model)
        self._undo.add(switch.put_back)
        model.eval()
        switch.made()


@block
def attributes() -> Iterator[Attributes]:
    """Set attributes of modules inside the block; all of them are as they were when it ends, whatever is raised.

    Only what was set through it goes back; an attribute that was absent goes again.

    Example:
        >>> norm = nn.BatchNorm1d(3)
        >>> with attributes() as change:
        ...     change.set(norm, "momentum", None)
        ...     norm.momentum
        >>> norm.momentum
        0.1
    """
    undo = Undo()
    yield from until_undone(undo, lambda: Attributes(undo))


def check_plain(module: nn.Module, name: str, value: object) -> None:
    """Raise ValueError where torch would keep the value in a table of its own instead of as an attribute."""
    tables = {"_parameters": "parameter", "_buffers": "buffer", "_modules": "submodule"}
    kind = next((word for table, word in tables.items() if name in getattr(module, table, ())), None)
    if kind is None and isinstance(value, nn.Parameter | nn.Module):
        kind = "parameter" if isinstance(value, nn.Parameter) else "submodule"
    if kind is not None:
        raise InputError(
            argument="name",
            expected=f"a plain attribute of {type(module).__name__}",
            got=f"{name!r}, which is a {kind}",
            cure="Write into buffers in place; everything else that is changed belongs to the caller.",
        )


def attribute_step(module: nn.Module, name: str) -> Callable[[], object]:
    """Return what gives the attribute its present value back, or takes it away if it is absent."""
    if name in vars(module):
        return partial(vars(module).__setitem__, name, vars(module)[name])
    of_class = getattr(type(module), name, None)
    if hasattr(type(module), name) and not hasattr(of_class, "__set__"):
        return lambda: vars(module).pop(name, None)
    if hasattr(module, name):
        # A property, or what `__getattr__` finds elsewhere: compiled and scripted modules do that.
        return partial(setattr, module, name, getattr(module, name))
    return lambda: delattr(module, name) if hasattr(module, name) else None
