"""How far is the test loss above the training loss where that has come down to a level?"""

import math

import pytest

from batchnorm.study.measures import Course, gap_at


def test_between_two_points_losses_are_linear_in_the_logarithm_of_the_training_loss() -> None:
    training, test, level = [3.0, 0.8, 0.2], [3.1, 1.1, 0.9], 0.4
    share = (math.log(0.8) - math.log(0.4)) / (math.log(0.8) - math.log(0.2))
    assert gap_at(training, test, level) == pytest.approx(1.1 + share * (0.9 - 1.1) - level, rel=1e-12)


def test_a_point_at_the_level_gives_its_own_gap() -> None:
    assert gap_at([2.0, 0.5, 0.1], [2.0, 0.7, 0.9], 0.5) == pytest.approx(0.2, rel=1e-12)


def test_the_first_way_down_counts_where_the_loss_rises_again() -> None:
    assert gap_at([2.0, 0.5, 1.0, 0.5], [2.0, 0.7, 2.0, 0.9], 0.5) == pytest.approx(0.2, rel=1e-12)


@pytest.mark.parametrize("training", [[2.0, 1.0], [2.0, math.nan], []])
def test_a_level_that_is_never_reached_has_no_gap(training: list[float]) -> None:
    assert math.isnan(gap_at(training, [1.0] * len(training), 0.5))


@pytest.mark.parametrize(("total", "points"), [(10, 3), (7, 7), (3, 8), (100, 1)])
def test_a_course_is_looked_at_evenly_and_behind_its_last_step(total: int, points: int) -> None:
    course = Course(lambda: 0.0, lambda: 0.0, total, points)
    for step in range(1, total + 1):
        course.seen(step, 0.0)
    assert course.steps[-1] == total
    assert len(course.steps) == min(points, total)


def test_the_mean_gap_is_over_all_levels_or_missing() -> None:
    losses = {"training_losses": [2.0, 1.0, 0.5], "test_losses": [2.0, 1.3, 1.0]}
    course = Course(lambda: 0.0, lambda: 0.0, total=2, points=2, steps=[0, 1, 2], **losses)
    assert course.mean_gap([1.0, 0.5]) == pytest.approx((0.3 + 0.5) / 2, rel=1e-12)
    assert math.isnan(course.mean_gap([1.0, 0.4]))
