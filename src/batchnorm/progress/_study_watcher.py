"""What does a study tell while it goes on: how far is each claim, and how long will all of it take?"""

from dataclasses import dataclass

from ..records import StudyClaim, StudyRun


@dataclass(frozen=True, slots=True)
class ClaimStanding:
    """How far the runs of a claim are.

    Attributes:
        id: the claim's.
        done: how many runs are done, those of an earlier time included.
        total: how many there are, as far as is known.
        running: how many are under way.
        seconds_left: how long those that are left may take, one after the other; None: nobody knows yet.
    """

    id: str
    done: int
    total: int
    running: int
    seconds_left: float | None


@dataclass(frozen=True, slots=True)
class StudyStanding:
    """How far a study is.

    Attributes:
        claims: each of them.
        processes: how many runs go on at once.
        threads: of each process.
        seconds_left: how long it may take; None: nobody knows yet.
    """

    claims: tuple[ClaimStanding, ...]
    processes: int
    threads: int
    seconds_left: float | None

    @property
    def done(self) -> int:
        """How many runs are done."""
        return sum(claim.done for claim in self.claims)

    @property
    def total(self) -> int:
        """How many there are, as far as is known."""
        return sum(claim.total for claim in self.claims)


class StudyWatcher:
    """Hears of what goes on in a study; each method may be overridden, none needs to be.

    Example:
        >>> class Printer(StudyWatcher):
        ...     def judged(self, claim):
        ...         print(claim.summary())
    """

    def started(self, what: str, standing: StudyStanding) -> None:
        """Hear what lies ahead, on which data and by which budget, once, before the first run."""

    def moved(self, standing: StudyStanding) -> None:
        """Hear how far it is: after each run, and at least every second."""

    def ran(self, claim: str, run: StudyRun) -> None:
        """Hear what came of a run of this claim."""

    def judged(self, claim: StudyClaim) -> None:
        """Hear the verdict of a claim whose runs are all done."""

    def note(self, message: str) -> None:
        """Hear something that the user should know, in one sentence."""
