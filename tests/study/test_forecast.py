"""Is the time that a study takes told from what its claims say, and then from what its runs took?"""

from dataclasses import replace

import pytest

from batchnorm.study import Scope
from batchnorm.study._course import Course
from batchnorm.study._forecast import FIRST_RUNS, FIXED_SHARE, Forecast, expected_seconds
from batchnorm.study._own_claim import ClaimSource
from batchnorm.study._task import StudySetting
from batchnorm.study._work import crashed

from .drawn import asked, claim_of

STANDARD = Scope(seeds=6, train_images=10_000, epochs=4)


def course_of(*, name="drawn", hours=1.0, scope=STANDARD, alone=False):
    claim = claim_of(asked(), hours=hours, alone=alone, scopes={"standard": STANDARD, "quick": scope}, id=name)
    return Course(claim, ClaimSource(name), scope, tuple(range(scope.seeds)), StudySetting("images", "0f"))


def done_in(course, seconds, count):
    tasks = course.open({})[:count]
    return {task.key: replace(crashed(task, "none"), seconds=seconds) for task in tasks}


def standing(*courses, done=None, processes=2):
    return Forecast(courses, processes, 1).standing(done or {course.claim.id: {} for course in courses}, {})


def test_before_the_first_run_the_claim_s_hours_are_told():
    assert standing(course_of(hours=1.0)).seconds_left == pytest.approx(3600)


def test_twice_as_many_processes_take_half_as_long():
    assert standing(course_of(hours=1.0), processes=4).seconds_left == pytest.approx(1800)


def test_a_claim_that_must_be_alone_takes_its_hours_however_many_processes_there_are():
    assert standing(course_of(hours=1.0, alone=True), processes=8).seconds_left == pytest.approx(3600)


def test_a_smaller_scope_takes_less_in_proportion_to_what_it_trains():
    half = replace(STANDARD, epochs=2)
    whole, part = (expected_seconds(course_of(scope=scope)) for scope in (STANDARD, half))
    assert part / whole == pytest.approx(FIXED_SHARE + (1 - FIXED_SHARE) / 2)


def test_runs_that_are_left_take_as_long_as_those_that_are_done():
    course = course_of(hours=0.0)
    assert standing(course, done={"drawn": done_in(course, 10.0, 3)}).seconds_left == pytest.approx(9 * 10.0 / 2)


def test_one_slow_run_at_the_beginning_does_not_outweigh_what_the_claim_says():
    course = course_of(hours=1.0)
    slow = done_in(course, 10 * expected_seconds(course), 1)
    assert standing(course, done={"drawn": slow}).seconds_left < 5 * 3600


def test_a_slow_machine_is_slow_for_the_claims_that_are_not_begun_as_well():
    begun, other = course_of(hours=9.0), course_of(name="other")
    slow = done_in(begun, 2 * expected_seconds(begun), 12)
    pace = (2 * 12 + FIRST_RUNS) / (12 + FIRST_RUNS)
    assert standing(begun, other, done={"drawn": slow, "other": {}}).seconds_left == pytest.approx(pace * 3600)


def test_nothing_is_told_where_nobody_knows():
    assert standing(course_of(hours=0.0)).seconds_left is None


def test_nothing_is_left_of_a_study_that_is_done():
    course = course_of(hours=0.0)
    assert standing(course, done={"drawn": done_in(course, 1.0, 12)}).seconds_left == 0
