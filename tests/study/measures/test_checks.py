"""Accuracy over the steps, the goal that one training sets another, and seconds without the checks."""

import math

import pytest

from batchnorm.study.measures import Checks, goal_of, steps_to_levels, to_the_goal


class Clock:
    """Stands still but where somebody lets time go by."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_seconds_of_a_step_are_those_between_checks() -> None:
    clock = Clock()

    def judge() -> float:
        clock.now += 100.0
        return 50.0

    checks = Checks(judge, every=1, clock=clock)
    for step in range(1, 8):
        clock.now += 0.25
        checks(step, 2.3)
    assert checks.seconds_per_step == 0.25


def test_a_training_that_ended_early_has_as_many_checks_as_the_others() -> None:
    checks = Checks(lambda: 40.0, every=3, clock=Clock())
    for step in range(1, 5):
        checks(step, 2.3)
    checks.fill(12, 10.0)
    assert checks.steps == [3, 6, 9, 12]
    assert checks.accuracies == [40.0, 10.0, 10.0, 10.0]


def test_a_finished_training_is_not_filled() -> None:
    checks = Checks(lambda: 40.0, every=3, clock=Clock())
    for step in range(1, 12):
        checks(step, 2.3)
    checks.fill(11, 10.0)
    assert checks.accuracies == [40.0] * 3


def test_the_first_check_at_a_level_counts_even_if_accuracy_falls_again() -> None:
    found = steps_to_levels([5, 10, 15, 20], [31.0, 12.0, 44.9, 45.0])
    expected = zip(range(15, 50, 5), [5] * 4 + [15] * 2 + [20], strict=True)
    assert found == {f"steps to {level} %": step for level, step in expected}


def arrived(*, yes: bool) -> dict[str, float]:
    return dict.fromkeys(("steps censored", "seconds censored"), float(not yes))


def test_a_net_that_does_not_get_there_counts_with_all_its_steps() -> None:
    slow = {"steps": 600.0, "seconds per step": 0.5, **steps_to_levels([300, 600], [20.0, 30.0])}
    fast = {"steps": 600.0, "seconds per step": 1.0, **steps_to_levels([300, 600], [60.0, 62.0])}
    goal = goal_of(fast)
    assert goal == 60
    assert to_the_goal(fast, goal) == {"steps": 300, "seconds": 300.0, "goal": 60} | arrived(yes=True)
    assert to_the_goal(slow, goal) == {"steps": 600.0, "seconds": 300.0, "goal": 60} | arrived(yes=False)


def test_a_net_that_only_guesses_sets_no_goal() -> None:
    assert goal_of({"steps": 600.0}) is None
    assert all(math.isnan(value) for value in to_the_goal({"steps": 600.0}, None).values())


def test_a_training_of_no_steps_has_no_seconds() -> None:
    assert Checks(lambda: pytest.fail("nothing to judge"), every=1, clock=Clock()).seconds_per_step == 0
