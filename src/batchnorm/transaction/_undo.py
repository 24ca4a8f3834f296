"""How is everything put back although putting back is interrupted itself?"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

_TRIES = 5


class Undo:
    """Steps that put something back each; all of them run, in reverse order, whatever one of them raises.

    A step may be run again at any time: it says how things were, never by how much they have changed. So whoever is
    interrupted begins again.
    """

    def __init__(self) -> None:
        self._steps: list[Callable[[], None]] = []
        self.done = False

    def add(self, step: Callable[[], None]) -> None:
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
            failed: list[Callable[[], None]] = []
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


@contextmanager
def undone(undo: Undo) -> Iterator[None]:
    """Run the steps when the block ends, by whatever is raised; once more if that is interrupted between two steps."""
    try:
        yield
    finally:
        try:
            undo.run()
        finally:
            if not undo.done:
                undo.run()
