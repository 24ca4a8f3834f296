"""How does a verb end: with all that it was to do, or with nothing?"""

import threading
from collections.abc import Callable, Iterator
from functools import partial, wraps
from typing import ParamSpec, TypeVar

from ..errors import in_verb
from ._block import block
from ._process import process_steps
from ._undo import Undo

Given = ParamSpec("Given")
Value = TypeVar("Value")


class Guard:
    """All that a verb has begun to change, to be taken back if an exception leaves it, wherever that struck.

    A context manager puts back what it has changed, unless an interrupt strikes just when it is entered or left, or
    when it has put back all but what is to be kept. Its undo is noted here, too; so the verb does it.
    """

    def __init__(self) -> None:
        self._outer = _RUNNING.guard
        self.is_inner = self._outer is not None
        self._process = process_steps()
        self._noted: list[tuple[Undo, Callable[[], object]]] = []
        self.done = False

    def enter(self) -> None:
        """Hear of every undo from now on."""
        _RUNNING.guard = self

    def note(self, undo: Undo, revoke: Callable[[], object]) -> None:
        """Run `revoke` if the verb fails before the undo has been run, or although it has been, if it kept anything."""
        # Those that are done hold copies of whole models.
        self._noted = [entry for entry in self._noted if entry[0].is_needed]
        self._noted.append((undo, revoke))

    def leave(self) -> None:
        """End what the verb has done; only torch's own state in this process goes back."""
        undo = Undo()
        undo.add(self._leave, *self._process)
        undo.run()

    def revoke(self) -> None:
        """Take everything back, the newest first."""
        undo = Undo()
        # At both ends: a mode that was left hears of what is put back; and each of these puts back what it began with.
        undo.add(self._leave, *self._process, *(partial(_revoke, *entry) for entry in self._noted), *self._process)
        undo.run()
        self.done = True

    def _leave(self) -> None:
        _RUNNING.guard = self._outer


class _Running(threading.local):
    guard: Guard | None = None


_RUNNING = _Running()


def _revoke(undo: Undo, revoke: Callable[[], object]) -> None:
    if undo.is_needed:
        revoke()
        undo.closed = True


def note(undo: Undo, revoke: Callable[[], object] | None = None) -> None:
    """Let the verb that is running, if there is one, take this back if it fails."""
    if _RUNNING.guard is not None:
        _RUNNING.guard.note(undo, undo.run if revoke is None else revoke)


def verb(function: Callable[Given, Value]) -> Callable[Given, Value]:
    """Let a function that changes models, or runs them, do all or nothing, at whichever instruction it is interrupted.

    What it refuses is told in its name, unless another verb has called it.

    Example:
        >>> @verb
        ... def twice(x):
        ...     return 2 * x
        >>> twice(2)
        4
    """
    named = in_verb(function.__name__)(function)

    @wraps(function)
    def whole(*args: Given.args, **kwargs: Given.kwargs) -> Value:
        guard, settled = Guard(), False
        try:
            try:
                guard.enter()
                result = (function if guard.is_inner else named)(*args, **kwargs)
                guard.leave()
                settled = True  # from here to the end nothing is called, so that no signal is heard
            finally:
                if not settled:
                    guard.revoke()
        finally:
            # A second interrupt may have come before the first step.
            if not settled and not guard.done:
                guard.revoke()
        return result

    return whole


@block
def all_or_nothing() -> Iterator[Undo]:
    """Run the steps of the undo if the block raises, or what is behind it in the verb around it; and only then.

    Example:
        >>> with all_or_nothing() as undo:
        ...     undo.add(partial(print, "not to be seen"))
    """
    undo, settled = Undo(), False
    undo.add(*process_steps())
    note(undo)
    try:
        try:
            yield undo
            settled = True
        finally:
            if not settled and not undo.closed:
                undo.run()
                settled = True
    finally:
        # A second interrupt may have come before the first step.
        if not settled and not undo.closed:
            undo.run()


def until_undone(undo: Undo, begin: Callable[[], Value]) -> Iterator[Value]:
    """Yield what `begin` returns, then put everything back, whatever is raised.

    Twice is tried, for an interrupt may come before the first step. A generator to `yield from`: the `with` of one
    context manager inside another could be left between two instructions.
    """
    note(undo)
    try:
        try:
            yield begin()
        finally:
            if not undo.closed:
                undo.run()
    finally:
        if not undo.done:
            undo.run()
