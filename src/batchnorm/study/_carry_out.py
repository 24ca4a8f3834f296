"""In which order are the runs of a study done, by whom, and what if a process is killed?"""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Executor, Future, wait
from contextlib import contextmanager
from dataclasses import dataclass, field

from ..errors import RefusedError
from ..files import in_short
from ..progress import StudyStanding, StudyWatcher
from ..records import StudyRun
from ._course import Course
from ._folder import StudyFolder
from ._forecast import Forecast
from ._pool import WorkerLostError
from ._task import Task
from ._work import crashed, measured

MOST_LOSSES = 3
"""How often the process of a run may be killed until the run is taken for the cause."""
LOOKS_EVERY = 0.5
"""Seconds between two looks whether somebody has asked to stop."""


@dataclass
class Labour:
    """Who does the runs.

    Attributes:
        executor: does them.
        processes: how many at once.
        threads: of each.
        threads_alone: of one that has the machine for itself.
    """

    executor: Executor
    processes: int
    threads: int
    threads_alone: int


@dataclass
class CarryOut:
    """Does all runs of some claims, and writes each as soon as it is done.

    Args:
        courses: the claims, in the order in which they are begun; those that must be alone come last.
        labour: who does the runs.
        folder: where they are written.
        watcher: hears of them.
        completed: is called when all runs of a claim are done.
        look: is called often; what it raises ends all.
    """

    courses: Sequence[Course]
    labour: Labour
    folder: StudyFolder
    watcher: StudyWatcher
    completed: Callable[[Course], None]
    look: Callable[[], None]
    done: dict[str, dict[str, StudyRun]] = field(default_factory=dict)
    _flying: dict[Future[StudyRun], tuple[Course, Task]] = field(default_factory=dict)
    _losses: Counter[str] = field(default_factory=Counter)
    _complete: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.courses = sorted(self.courses, key=lambda course: course.claim.alone)
        self._forecast = Forecast(self.courses, self.labour.processes, self.labour.threads)

    def standing(self) -> StudyStanding:
        """Return how far it is."""
        running = Counter(course.claim.id for course, _ in self._flying.values())
        return self._forecast.standing(self.done, running)

    def run(self) -> None:
        """Do all runs that are not done.

        Raises:
            RefusedError: a run cannot be written, or an executor of somebody else's is broken.
        """
        try:
            self._complete_claims()
            while self._fill() or self._flying:
                ended, _ = wait(self._flying, timeout=LOOKS_EVERY, return_when=FIRST_COMPLETED)
                for future in ended:
                    self._settle(future)
                self.look()
                self._complete_claims()
                self.watcher.moved(self.standing())
        finally:
            for future in self._flying:
                future.cancel()

    def _fill(self) -> bool:
        """Give the executor what it has room for; whether that was anything."""
        begun = False
        for course, task in self._next():
            threads = self.labour.threads_alone if course.claim.alone else self.labour.threads
            with _executor_s_failure():
                future = self.labour.executor.submit(measured, task, threads)
            self._flying[future] = course, task
            begun = True
        return begun

    def _next(self) -> Iterator[tuple[Course, Task]]:
        """The runs that can be begun now, one after the other."""
        at_work = {task.key for _, task in self._flying.values()}
        for course in self.courses:
            if course.claim.id in self._complete:
                continue
            if course.claim.alone:  # by itself, when all others are complete
                if not at_work:
                    yield from ((course, task) for task in course.open(self.done[course.claim.id])[:1])
                return
            for task in course.open(self.done[course.claim.id]):
                if len(at_work) >= self.labour.processes:
                    return
                if task.key not in at_work:
                    at_work.add(task.key)
                    yield course, task

    def _settle(self, future: "Future[StudyRun]") -> None:
        """Write what came of a run; one whose process was killed is begun anew, unless it was that too often."""
        course, task = self._flying.pop(future)
        try:
            with _executor_s_failure():
                run = future.result()
        except WorkerLostError as error:
            self._losses[task.key] += 1
            if self._losses[task.key] < MOST_LOSSES:
                return
            question = "is there enough memory for so many processes?"
            run = crashed(task, f"{error}, {MOST_LOSSES} times in all; {question}")
        self.folder.write_run(course.claim.id, run)
        self.done[course.claim.id][task.key] = run
        self.watcher.ran(course.claim.id, run)

    def _complete_claims(self) -> None:
        for course in self.courses:
            if course.claim.id not in self._complete and course.is_complete(self.done[course.claim.id]):
                self._complete.add(course.claim.id)
                self.completed(course)


@contextmanager
def _executor_s_failure() -> Iterator[None]:
    """Tell in one sentence what an executor raises: what a run does is in its record, and a lost process is told."""
    try:
        yield
    except WorkerLostError:
        raise
    except Exception as error:  # each executor has its own
        cure = "Mend it, and run the same again: it goes on where it was."
        raise RefusedError(f"the executor failed ({in_short(error)})", cure=cure) from error
