"""How is everything put back although putting back is interrupted itself?"""

from collections.abc import Callable, Iterator
from typing import TypeVar

Value = TypeVar("Value")

_TRIES = 5


class Undo:
    """Steps that put something back each; all of them run, in reverse order, whatever one of them raises.

    A step may be run again at any time: it says how things were, never by how much they have changed. So whoever is
    interrupted begins again.
    """

    def __init__(self) -> None:
        self._steps: list[Callable[[], object]] = []
        self.done = False

    def add(self, step: Callable[[], object]) -> None:
        """Remember a step, before the change that it takes back."""
        self._steps.append(step)

    def run(self) -> None:
        """Put everything back, then raise what interrupted.

        A step that raises is run again, after the others, a few times. A `KeyboardInterrupt` is raised at the end; an
        ordinary exception only if the step never came to its end.
        """
        pending = self._steps[::-1]
        interrupts: list[BaseException] = []
        errors: list[BaseException] = []
        for _ in range(_TRIES):
            failed: list[Callable[[], object]] = []
            errors.clear()
            for step in pending:
                try:
                    step()
                except BaseException as error:
                    failed.append(step)
                    (errors if isinstance(error, Exception) else interrupts).append(error)
            pending = failed
            if not pending:
                break
        self.done = True
        for cause in (*interrupts, *errors):
            raise cause


def until_undone(undo: Undo, begin: Callable[[], Value]) -> Iterator[Value]:
    """Yield what `begin` returns, then put everything back, whatever is raised.

    Twice is tried, for an interrupt may come before the first step. A generator to `yield from`: the `with` of one
    context manager inside another could be left between two instructions.
    """
    try:
        try:
            yield begin()
        finally:
            undo.run()
    finally:
        if not undo.done:
            undo.run()
