"""How long will the runs that are left take? As long as those that are done, and before, as long as the claim says."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from statistics import fmean

from ..progress import ClaimStanding, StudyStanding
from ..records import StudyRun
from ._course import Course
from ._scope import Scope

CORES_OF_HOURS = 2
"""`Claim.hours` is meant for so many cores, which run so many runs at once."""
FIXED_SHARE = 0.2
"""Of a run's time, what does not depend on the images it trains on, about: its tests, above all."""


def standing_of(
    courses: Sequence[Course],
    done: Mapping[str, Mapping[str, StudyRun]],
    running: Mapping[str, int],
    processes: int,
    threads: int,
) -> StudyStanding:
    """Return how far a study is.

    Args:
        courses: its claims.
        done: runs by the claim's id and their key.
        running: how many are under way, by the claim's id.
        processes: how many at once.
        threads: of each process.
    """
    pace = _pace(courses, done)
    claims = tuple(_claim(course, done[course.claim.id], running.get(course.claim.id, 0), pace) for course in courses)
    left = [
        None if claim.seconds_left is None else claim.seconds_left / (1 if course.claim.alone else processes)
        for course, claim in zip(courses, claims, strict=True)
    ]
    known = [seconds for seconds in left if seconds is not None]
    return StudyStanding(claims, processes, threads, sum(known) if len(known) == len(left) else None)


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


def _pace(courses: Sequence[Course], done: Mapping[str, Mapping[str, StudyRun]]) -> float:
    """Return by which factor runs take longer here than their claims say."""
    pairs = [
        (run.seconds, expected)
        for course in courses
        if (expected := expected_seconds(course)) is not None
        for run in done[course.claim.id].values()
    ]
    return sum(seconds for seconds, _ in pairs) / sum(expected for _, expected in pairs) if pairs else 1.0


def _claim(course: Course, done: Mapping[str, StudyRun], running: int, pace: float) -> ClaimStanding:
    count, total = course.count(done)
    expected = expected_seconds(course)
    each = fmean(run.seconds for run in done.values()) if done else None if expected is None else expected * pace
    left = 0.0 if count == total else None if each is None else each * (total - count)
    return ClaimStanding(course.claim.id, count, total, running, left)
