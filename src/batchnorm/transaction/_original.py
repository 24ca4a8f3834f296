"""Which module is meant when a model comes wrapped?"""

from torch import nn
from torch.nn.parallel import DataParallel, DistributedDataParallel

from ..errors import InputTypeError


def original(model: nn.Module) -> tuple[nn.Module, tuple[str, ...]]:
    """Return the module inside DistributedDataParallel, DataParallel and `torch.compile`, and what was taken off.

    Returns:
        The module that the user wrote, and one sentence for each wrapper, from outside; one more if it was, or a part
        of it, compiled in place (`model.compile()`), which stays with the module.

    Raises:
        InputTypeError: it is no module.

    Example:
        >>> net = nn.Sequential(nn.Linear(2, 2))
        >>> module, notes = original(nn.DataParallel(net))
        >>> module is net, notes
        (True, ('DataParallel: the module inside is meant',))
        >>> original(net)[1]
        ()
    """
    if not isinstance(model, nn.Module):
        raise InputTypeError(argument="model", expected="a torch.nn.Module", got=type(model).__name__)
    notes = []
    while (inner := _inside(model)) is not None:
        notes.append(
            f"{type(model).__name__}: the module inside is meant"
            if isinstance(model, DataParallel | DistributedDataParallel)
            else "torch.compile: the original module is meant, and runs uncompiled"
        )
        model = inner
    if any(_is_compiled(module) for module in model.modules()):
        notes.append("compiled in place or in parts: runs uncompiled")
    return model, tuple(notes)


def _inside(model: nn.Module) -> nn.Module | None:
    if isinstance(model, DataParallel | DistributedDataParallel):
        inner: object = model.module
    else:
        inner = _inside_compiled(model)
    return inner if isinstance(inner, nn.Module) else None


def _inside_compiled(model: nn.Module) -> object:
    # Asked by name: the class is torch._dynamo's, whose import takes seconds.
    return dict(model.named_children()).get("_orig_mod")


def _is_compiled(module: nn.Module) -> bool:
    return getattr(module, "_compiled_call_impl", None) is not None or _inside_compiled(module) is not None
