"""Which net is meant where a file cannot say it: one of this package, a function of the caller's, or his module?"""

from collections.abc import Iterable

from torch import nn

from ..errors import ForPython, InputError, InputTypeError, Setting
from ..files import one_line
from ..transaction import copied, original

ANY_FUNCTION = "package.module:function"


def name_of(model: nn.Module | str | None) -> str | None:
    """Return the name under which a caller's own net is saved; nothing is ever imported by it unasked.

    Raises:
        InputTypeError: it is no net and no name of one.

    Example:
        >>> name_of(nn.Linear(1, 1)), name_of("nets:small")
        ('torch.nn.modules.linear:Linear', 'nets:small')
    """
    if model is None or isinstance(model, str):
        return model
    if isinstance(model, nn.Module):
        return f"{type(model).__module__}:{type(model).__qualname__}"
    got = f"the class {model.__name__}" if isinstance(model, type) else type(model).__name__
    cure = "Make the model, and pass that." if callable(model) else ""
    raise InputTypeError(argument="model", expected=f"a torch.nn.Module or {ANY_FUNCTION}", got=got, cure=cure)


def foreign_net(name: str) -> InputError:
    """Return the mistake of somebody who wants a net that a file names, and that is none of this package."""
    name = one_line(name)
    return InputError(
        f"the net is not of this package but your own ({name!r}), and a file may not choose which code runs",
        cure=ForPython(
            f"Pass it: model=net, the module itself, or model={ANY_FUNCTION!r}, the function that makes it.",
            otherwise=(
                "If you trust it, say which function makes it, ",
                *(
                    ("such as ", Setting("model", name))
                    if _may_be_function(name)
                    else (Setting("model", ANY_FUNCTION),)
                ),
                ".",
            ),
        ),
    )


def _may_be_function(name: str) -> bool:
    """Whether a name that a file holds may be what its owner has to type; torch's own classes make no trained net."""
    module, _, function = name.partition(":")
    return function.isidentifier() and module.split(".")[0] not in ("torch", "__main__")


def twin_of(net: nn.Module, names: Iterable[str]) -> nn.Module:
    """Return a copy of a caller's module for the tensors of a file, whose names say whether it was wrapped.

    Raises:
        InputError: it is folded, or cannot be copied.
    """
    from ..surgery import is_folded

    if is_folded(net):
        raise InputError(
            argument="model", expected="the net before it was folded", got="a folded one", cure="Unfold it first."
        )
    inner, _ = original(net)
    meant = net if {*net.state_dict()} == {*names} else inner
    try:
        return copied(meant)
    except InputError as error:
        raise InputError(
            f"the file's weights go into a copy, and {error}",
            argument="model",
            cure=f"Pass the function that makes it, by its name: model={ANY_FUNCTION!r}.",
        ) from error
