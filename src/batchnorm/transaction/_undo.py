"""How is everything put back although putting back is interrupted itself?"""

from collections.abc import Callable

_TRIES = 5


class Undo:
    """Steps that put something back each; all of them run, in reverse order, whatever one of them raises.

    A step may be run again at any time: it says how things were, never by how much they have changed. So whoever is
    interrupted begins again.

    Attributes:
        done: all of them have been run.
        revocable: they are to be run again if the verb around them fails, for something was kept.
        closed: they are never to be run again: the verb failed, and has run them.
    """

    def __init__(self) -> None:
        self._steps: list[Callable[[], object]] = []
        self.done = self.revocable = self.closed = False

    @property
    def is_needed(self) -> bool:
        """Whether a verb that fails has to run it."""
        return not self.closed and (self.revocable or not self.done)

    def add(self, *steps: Callable[[], object]) -> None:
        """Remember steps, before the change that they take back."""
        self._steps.extend(steps)

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
