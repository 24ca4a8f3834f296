"""How does a study look while it goes on: a bar for each claim and one for all, or lines, and every verdict at once?"""

import time
from collections import Counter

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TaskID, TextColumn

from ..records import StudyClaim, StudyRun
from ..tables import counted
from ._drawn import WHOLE, FittingProgress
from ._durations import about
from ._lines import warn
from ._notes import Drawing, Printing
from ._study_watcher import StudyStanding, StudyWatcher
from ._watchers import Words

LINE_EVERY = 60.0
"""Seconds between two lines that say how far it is."""
ALL = "all"


class CrashNotes(StudyWatcher):
    """Tells of the first run that crashed for each reason, and not of a hundred that did for the same."""

    def __init__(self) -> None:
        self._crashes: Counter[tuple[str, str | None]] = Counter()

    def ran(self, claim: str, run: StudyRun) -> None:
        """Say why a run crashed."""
        if run.status != "crashed":
            return
        self._crashes[claim, run.reason] += 1
        if self._crashes[claim, run.reason] == 1:
            self.note(describe_crash(claim, run))


class StudyNotes(Printing, CrashNotes):
    """Says only what the user should not miss."""

    def __init__(self, words: Words = str) -> None:
        Printing.__init__(self, words)
        CrashNotes.__init__(self)


class StudyLines(StudyNotes):
    """Plain text for files and pipes: what lies ahead, how far it is once a minute, and every verdict."""

    def __init__(self, words: Words = str) -> None:
        super().__init__(words)
        self._told = time.monotonic()

    def started(self, what: str, standing: StudyStanding) -> None:
        """Print what lies ahead."""
        warn(describe_study(what, standing))

    def moved(self, standing: StudyStanding) -> None:
        """Print how far it is, if the last line is old enough."""
        if time.monotonic() - self._told >= LINE_EVERY:
            self._told = time.monotonic()
            warn(describe_standing(standing))

    def judged(self, claim: StudyClaim) -> None:
        """Print the verdict."""
        warn(claim.summary())


class StudyBars(Drawing, CrashNotes):
    """A bar for each claim that is under way and one for all, each with the time that is left; verdicts above them."""

    def __init__(self, console: Console, words: Words = str) -> None:
        what, bar, left = TextColumn("{task.description}"), BarColumn(bar_width=None), TextColumn("{task.fields[left]}")
        runs = MofNCompleteColumn(table_column=WHOLE)
        progress = FittingProgress(what, bar, runs, left, dispensable=(bar, runs), console=console, transient=True)
        Drawing.__init__(self, console, progress, words)
        CrashNotes.__init__(self)
        self._rows: dict[str, TaskID] = {}

    def started(self, what: str, standing: StudyStanding) -> None:
        """Print what lies ahead, and begin to draw."""
        self.console.print(describe_study(what, standing), highlight=False, markup=False)
        self.moved(standing)

    def moved(self, standing: StudyStanding) -> None:
        """Move the bars."""
        for claim in standing.claims:
            if claim.running or claim.id in self._rows:
                self._move(claim.id, claim.done, claim.total, claim.seconds_left, standing.processes)
        if ALL in self._rows:  # the last row
            self.progress.remove_task(self._rows.pop(ALL))
        self._move(ALL, standing.done, standing.total, standing.seconds_left, 1)

    def judged(self, claim: StudyClaim) -> None:
        """Print the verdict above the bars, and take the claim's away."""
        if claim.id in self._rows:
            self.progress.remove_task(self._rows.pop(claim.id))
        self.console.print(claim.summary(), highlight=False, markup=False)

    def _move(self, name: str, done: int, total: int, seconds: float | None, processes: int) -> None:
        left = "" if seconds is None else f"{about(seconds / processes)} left"
        if name not in self._rows:
            self._rows[name] = self.progress.add_task(name, left=left, total=total, completed=done)
        self.progress.move(self._rows[name], completed=done, total=total, left=left)


def describe_study(what: str, standing: StudyStanding) -> str:
    """Return one line about a study that begins, or goes on.

    Example:
        >>> from batchnorm.progress import ClaimStanding
        >>> standing = StudyStanding((ClaimStanding("cost", 3, 12, 0, 900.0),), 2, 1, 450.0)
        >>> describe_study("quick study on mine", standing)
        'quick study on mine: 1 claim, 12 runs, 3 of them done; about 7 min 30 s (2 processes, 1 thread each)'
    """
    total, done = standing.total, standing.done
    begun = f", {done} of them done" if done else ""
    left = "nobody knows yet how long it takes" if standing.seconds_left is None else about(standing.seconds_left)
    return (
        f"{what}: {counted(len(standing.claims), 'claim')}, {counted(total, 'run')}{begun}; "
        f"{left if done < total else 'all is done'} "
        f"({counted(standing.processes, 'process', 'processes')}, {counted(standing.threads, 'thread')} each)"
    )


def describe_standing(standing: StudyStanding) -> str:
    """Return one line about how far a study is.

    Example:
        >>> from batchnorm.progress import ClaimStanding
        >>> at_work = ClaimStanding("cost", 3, 12, 2, 900.0)
        >>> describe_standing(StudyStanding((at_work, ClaimStanding("l1-l2", 0, 9, 0, None)), 2, 1, None))
        '3/21 runs (cost 3/12)'
    """
    at_work = ", ".join(f"{claim.id} {claim.done}/{claim.total}" for claim in standing.claims if claim.running)
    left = "" if standing.seconds_left is None else f", {about(standing.seconds_left)} left"
    return f"{standing.done}/{standing.total} runs{f' ({at_work})' if at_work else ''}{left}"


def describe_crash(claim: str, run: StudyRun) -> str:
    """Return one line about a run that crashed; its record has the traceback.

    Example:
        >>> run = StudyRun("0f", "plain", {}, 3, False, "crashed", "ValueError: no lr", {}, {}, 0.1)
        >>> describe_crash("mine", run)
        "mine: a run crashed (arm 'plain', seed 3): ValueError: no lr; the others go on"
    """
    return f"{claim}: a run crashed (arm {run.arm!r}, seed {run.seed}): {run.reason}; the others go on"
