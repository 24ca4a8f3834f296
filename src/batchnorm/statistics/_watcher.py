"""What does a recalibration tell while it runs? It calls; a bar, a log or a notebook listens."""


class RecalibrationWatcher:
    """Hears of every event of a recalibration; each method may be overridden, none needs to be.

    Example:
        >>> class Printer(RecalibrationWatcher):
        ...     def planned(self, rounds, seconds):
        ...         print(f"{rounds} more rounds, about {seconds:.0f} s")
    """

    def planned(self, rounds: int, seconds: float) -> None:
        """Hear how many rounds follow the first one and how long they may take, before the second begins.

        Heard once in `method="exact"`, and again if more rounds turn out to be needed.
        """

    def batch(self, done: int, total: int | None, number: int) -> None:
        """Hear that `done` batches of `total` (`None`: not yet known) are through in round `number`, counted from 1."""

    def note(self, message: str) -> None:
        """Hear something that the user should know, in one sentence."""
