"""May a file have norm layers that are the caller's own code? Only those that he has named himself."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from ..errors import ForPython, InputError, Setting
from ..files import one_line
from ..models import OwnNorm, names_own_norm

_NAMED: ContextVar[str | None] = ContextVar("norm", default=None)


@contextmanager
def trusting_norm(name: str | None) -> Iterator[None]:
    """Let runs be loaded inside the block whose norm layers are the caller's own.

    A file must not choose which code runs: the model's file and the config of a run remember that its norm layers are
    not of this package, but a caller who trusts them has to name them.

    Args:
        name: `package.module:function`, which makes them; `None` for no own ones.

    Raises:
        InputError: it is no such name, or there is no such function.

    Example:
        >>> with trusting_norm("torch.nn:BatchNorm2d"):
        ...     norm_in_file("layers:mine")(8).num_features
        8
    """
    if name is not None:
        OwnNorm(name)
    before = _NAMED.set(name)
    try:
        yield
    finally:
        _NAMED.reset(before)


def norm_in_file(norm: Any) -> Any:
    """Return the norm that a file names, as a net takes it.

    Args:
        norm: what the file says: a name of this package's, or `package.module:function`.

    Raises:
        InputError: it is the caller's own, and he has not named it; or he has, and it is not.
    """
    named = _NAMED.get()
    if not names_own_norm(norm):
        if named is None:
            return norm
        raise InputError(
            f"the norm layers are {one_line(str(norm), 40)!r}" if norm is not None else "no norm layers are named",
            argument="norm",
            cure=("Leave ", Setting("norm"), " out: it is for layers of your own."),
        )
    if named is None:
        name = one_line(norm)
        raise InputError(
            f"the norm layers are your own ({name!r}), and a file may not choose which code runs",
            cure=ForPython(
                f"If you trust it: with batchnorm.runs.trusting_norm({name!r}): ...",
                otherwise=("If you trust it, say so: ", Setting("norm", name), "."),
            ),
        )
    return OwnNorm(named)
