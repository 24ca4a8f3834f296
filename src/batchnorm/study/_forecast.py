"""How long will the runs that are left take? As long as those that are done, and before, as long as the claim says."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from statistics import fmean

from ..progress import ClaimStanding, StudyStanding
from ._course import Course, Done
from ._scope import Scope

CORES_OF_HOURS = 2
"""`Claim.hours` is meant for so many cores, which run so many runs at once."""
FIXED_SHARE = 0.2
"""Of a run's time, what does not depend on the images it trains on, about: its tests, above all."""
FIRST_RUNS = 3
"""A claim's word has as much weight as that of so many runs.

The first runs of a study load its data, and those of a claim are those of one arm.
"""


class Forecast:
    """How far a study is, and how long the rest may take.

    Args:
        courses: its claims.
        processes: how many runs go on at once.
        threads: of each process.
    """

    def __init__(self, courses: Sequence[Course], processes: int, threads: int) -> None:
        self.courses, self.processes, self.threads = courses, processes, threads
        self.expected = {course.claim.id: expected_seconds(course) for course in courses}

    def standing(self, done: Mapping[str, Done], running: Mapping[str, int]) -> StudyStanding:
        """Return how far it is.

        Args:
            done: runs by the claim's id and their key.
            running: how many are under way, by the claim's id.
        """
        pace = self._pace(done)
        claims = tuple(
            self._claim(course, done[course.claim.id], running.get(course.claim.id, 0), pace) for course in self.courses
        )
        left = [
            None if claim.seconds_left is None else claim.seconds_left / (1 if course.claim.alone else self.processes)
            for course, claim in zip(self.courses, claims, strict=True)
        ]
        known = [seconds for seconds in left if seconds is not None]
        whole = sum(known) if len(known) == len(left) else None
        return StudyStanding(claims, self.processes, self.threads, whole)

    def _pace(self, done: Mapping[str, Done]) -> float:
        """Return by which factor runs take longer here than their claims say."""
        taken, meant = [], []
        for claim, expected in self.expected.items():
            if expected is not None:
                taken += [run.seconds for run in done[claim].values()]
                meant += [expected] * len(done[claim])
        if not meant:
            return 1.0
        word = FIRST_RUNS * fmean(meant)
        return (sum(taken) + word) / (sum(meant) + word)

    def _claim(self, course: Course, done: Done, running: int, pace: float) -> ClaimStanding:
        count, total = course.count(done)
        each = _each([run.seconds for run in done.values()], self.expected[course.claim.id], pace)
        left = 0.0 if count == total else None if each is None else each * (total - count)
        return ClaimStanding(course.claim.id, count, total, running, left)


def expected_seconds(course: Course) -> float | None:
    """Return how long a run may take by what its claim says of the standard budget; None where it says nothing."""
    standard = course.claim.scopes.get("standard")
    if not course.claim.hours or standard is None:
        return None
    whole = replace(course, scope=standard, seeds=tuple(range(standard.seeds)), _tasks={})
    _, runs = whole.count({})
    at_once = 1 if course.claim.alone else CORES_OF_HOURS
    return course.claim.hours * 3600 * at_once / runs * _share(course.scope, standard)


def _share(scope: Scope, standard: Scope) -> float:
    """Return which part of a standard run's work a run of this scope has, about."""
    training = scope.train_images * scope.epochs / (standard.train_images * standard.epochs)
    return FIXED_SHARE + (1 - FIXED_SHARE) * training


def _each(taken: Sequence[float], expected: float | None, pace: float) -> float | None:
    """Return how long one more run of a claim may take."""
    if expected is None:
        return fmean(taken) if taken else None
    return (sum(taken) + FIRST_RUNS * expected * pace) / (len(taken) + FIRST_RUNS)
