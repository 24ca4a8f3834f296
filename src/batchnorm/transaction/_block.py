"""How does a `with` of ours end although an interrupt strikes between two of its instructions?"""

import sys
from collections.abc import Callable, Generator, Iterator
from contextlib import AbstractContextManager, _GeneratorContextManager, suppress
from functools import wraps
from traceback import walk_tb
from types import TracebackType
from typing import ParamSpec, TypeVar, cast

import torch

Given = ParamSpec("Given")
Value = TypeVar("Value")


def block(function: Callable[Given, Iterator[Value]]) -> Callable[Given, AbstractContextManager[Value]]:
    """Make a context manager of a generator, as `contextlib.contextmanager` does, that closes it in any case.

    There, an interrupt behind the `yield` or before its way back leaves the generator where it is, until whoever holds
    the traceback lets go of it.

    Example:
        >>> @block
        ... def given():
        ...     yield 3
        >>> with given() as value:
        ...     value
        3
    """

    @wraps(function)
    def made(*args: Given.args, **kwargs: Given.kwargs) -> AbstractContextManager[Value]:
        return _Block(cast(Callable[..., Generator[Value]], function), args, kwargs)

    return made


class _Block(_GeneratorContextManager[Value]):
    def __enter__(self) -> Value:
        try:
            return super().__enter__()
        except BaseException:
            self.gen.close()
            raise

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool | None:
        try:
            return super().__exit__(kind, error, trace)
        finally:
            self.gen.close()


_EDGES = {edge.__code__ for kind in (_GeneratorContextManager, _Block) for edge in (kind.__enter__, kind.__exit__)}
_GUARDED = {edge.__code__ for edge in (torch.inference_mode.__enter__, torch.inference_mode.__exit__)}


def close_left() -> None:
    """Close the context managers, torch's and others', at whose edges the exception struck that is on its way.

    Their generators still wait behind the `yield`, and would go on when the last holder of the traceback lets go of it:
    torch's would put a mode back on its stack when all is over. So would the guard of inference mode, which remembers
    whether gradients were recorded when it began.
    """
    error, seen = sys.exception(), set[int]()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        for frame, _ in walk_tb(error.__traceback__):
            if frame.f_code in _EDGES:
                with suppress(ValueError):  # it is running
                    frame.f_locals["self"].gen.close()
            elif frame.f_code in _GUARDED:
                guard = getattr(frame.f_locals["self"], "_inference_mode_context", None)
                if guard is not None:
                    guard.__exit__(None, None, None)
        error = error.__cause__ or error.__context__
