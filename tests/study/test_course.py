"""Does a claim's course name each run that is needed, once, by a key of all that determines it?"""

from dataclasses import replace

import pytest

from batchnorm.study import Arm, Scope, Search
from batchnorm.study._course import Course
from batchnorm.study._own_claim import ClaimSource
from batchnorm.study._rates import Rates
from batchnorm.study._task import StudySetting, Task
from batchnorm.study._work import crashed

from .drawn import asked, claim_of

SETTING = StudySetting("images", "0f")
SCOPE = Scope(seeds=2, train_images=10, epochs=1)
TASK = Task(ClaimSource("drawn"), "drawn", 1, "a", {"lr": 0.1}, 0, SCOPE, SETTING)


def course_of(*arms, search=None, rates=None, scope=SCOPE):
    question = asked(arm=arms[0].name, than=arms[-1].name)
    claim = replace(claim_of(asked()), arms=arms, comparisons=(question,), search=search)
    return Course(claim, ClaimSource("drawn"), scope, tuple(range(scope.seeds)), SETTING, rates or Rates())


def ran(task, score):
    return replace(crashed(task, "none"), status="done", values={"score": score})


def test_equal_arms_are_one_run_with_a_row_for_each():
    course = course_of(Arm("one", {"n": 1}), Arm("same", {"n": 1}), Arm("other", {"n": 2}))
    assert len(course.open({})) == 2 * 2
    done = {task.key: ran(task, 1.0) for task in course.open({})}
    assert [(run.arm, run.seed) for run in course.records(done)] == [
        (arm, seed) for arm in ("one", "same", "other") for seed in (0, 1)
    ]


def test_only_the_arms_of_the_scope_are_run():
    course = course_of(Arm("one", {"n": 1}), Arm("other", {"n": 2}), scope=replace(SCOPE, arms=("other",)))
    assert {task.arm for task in course.open({})} == {"other"}


SEARCH = Search(grid=(0.1, 1.0), value="score")
OWN = Arm("own", {"lr": "own"})
FIXED = Arm("fixed", {"lr": 0.3})


def test_a_search_is_run_first_and_the_arm_when_it_is_done():
    course = course_of(OWN, FIXED, search=SEARCH)
    searching, rest = course.open({})[:2], course.open({})[2:]
    assert [(task.searching, task.options, task.seed) for task in searching] == [
        (True, {"lr": 0.1}, 1000),
        (True, {"lr": 1.0}, 1000),
    ]
    assert {task.arm for task in rest} == {"fixed"}


@pytest.mark.parametrize(
    ("scores", "best"),
    [((1.0, 2.0), 1.0), ((2.0, 1.0), 0.1), ((1.0, 1.0), 0.1), ((None, 1.0), 1.0), ((None, None), 0.1)],
    ids=["the largest wins", "whichever it is", "of equals the smallest", "none loses", "the smallest if all do"],
)
def test_a_search_finds(scores, best):
    course = course_of(OWN, FIXED, search=SEARCH)
    searching = [task for task in course.open({}) if task.searching]
    done = {task.key: ran(task, score) for task, score in zip(searching, scores, strict=True)}
    assert course.found(OWN, done) == best
    assert {task.options["lr"] for _, task in course.rows(done) if task.arm == "own"} == {best}


def test_the_mean_over_a_search_s_seeds_decides():
    course = course_of(OWN, FIXED, search=replace(SEARCH, seeds=2))
    searching = [task for task in course.open({}) if task.searching]
    scores = {(0.1, 1000): 5.0, (0.1, 1001): 0.0, (1.0, 1000): 3.0, (1.0, 1001): 3.0}
    done = {task.key: ran(task, scores[task.options["lr"], task.seed]) for task in searching}
    assert course.found(OWN, done) == 1.0


def test_runs_that_are_not_done_are_counted_before_a_search_is_done():
    course = course_of(OWN, FIXED, search=SEARCH)
    assert course.count({}) == (0, 2 + 2 + 2)


def test_a_rate_that_was_found_before_stands_in_the_place_of_a_search():
    rates = Rates({"drawn": [{"version": 1, "options": {"lr": "own"}, "value": 0.5}]})
    course = course_of(OWN, FIXED, search=SEARCH, rates=rates)
    assert {task.options["lr"] for task in course.open({}) if task.arm == "own"} == {0.5}
    assert not any(task.searching for task in course.open({}))


@pytest.mark.parametrize(
    "row", [{"version": 2, "options": {"lr": "own"}}, {"version": 1, "options": {"lr": "own", "n": 1}}]
)
def test_a_rate_of_another_version_or_another_arm_is_not_taken(row):
    course = course_of(OWN, FIXED, search=SEARCH, rates=Rates({"drawn": [{**row, "value": 0.5}]}))
    assert course.found(OWN, {}) is None


@pytest.mark.parametrize(
    "change",
    [
        {"source": ClaimSource(path="drawn.py", text="CLAIM = 1")},
        {"claim": "other"},
        {"version": 2},
        {"options": {"lr": 0.2}},
        {"seed": 1},
        {"searching": True},
        {"scope": replace(SCOPE, train_images=11)},
        {"scope": replace(SCOPE, epochs=2)},
        {"scope": replace(SCOPE, test_images=5)},
        {"scope": replace(SCOPE, options={"steps": 3})},
        {"setting": replace(SETTING, data="others")},
        {"setting": replace(SETTING, data_digest="1e")},
        {"setting": replace(SETTING, model="resnet20")},
        {"setting": replace(SETTING, model_digest="2d")},
        {"setting": replace(SETTING, device="cuda")},
        {"setting": replace(SETTING, versions={"batchnorm": "0", "torch": "0"})},
    ],
    ids="-".join,
)
def test_whatever_determines_a_run_changes_its_key(change):
    assert replace(TASK, **change).key != TASK.key


@pytest.mark.parametrize(
    "change", [{"arm": "same"}, {"scope": replace(SCOPE, seeds=9)}, {"scope": replace(SCOPE, arms=("a",))}]
)
def test_what_does_not_determine_a_run_leaves_its_key(change):
    assert replace(TASK, **change).key == TASK.key
