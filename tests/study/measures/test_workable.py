"""Over which range accuracy holds, against straight lines over the logarithm."""

import math

import pytest

from batchnorm.study.measures import Range, workable


def test_a_border_lies_where_a_straight_line_over_the_logarithm_crosses_the_level() -> None:
    found = workable({0.1: 20.0, 1.0: 80.0, 100.0: 40.0}, least=70.0)
    assert found is not None
    assert math.log10(found.low) == pytest.approx(-1 + (70 - 20) / (80 - 20))
    assert math.log10(found.high) == pytest.approx(2 * (80 - 70) / (80 - 40))
    assert found.decades == pytest.approx(1 / 6 + 0.5)


def test_only_what_hangs_together_with_the_best_counts() -> None:
    accuracy = {0.01: 90.0, 0.1: 10.0, 1.0: 91.0, 10.0: 90.0}
    found = workable(accuracy, least=90.0)
    assert found is not None
    assert found.low > 0.1
    assert found.high == 10.0


def test_the_order_in_which_values_are_given_does_not_matter() -> None:
    accuracy = {0.1: 20.0, 1.0: 80.0, 10.0: 30.0}
    assert workable(dict(reversed(accuracy.items())), 50.0) == workable(accuracy, 50.0)


def test_a_range_ends_where_nothing_was_tried() -> None:
    assert workable({0.1: 80.0, 1.0: 85.0, 10.0: 82.0}, least=75.0) == Range(0.1, 10.0)


@pytest.mark.parametrize("accuracy", [{}, {1.0: 10.0, 2.0: 11.0}])
def test_there_is_none_where_nothing_reaches_the_level(accuracy: dict[float, float]) -> None:
    assert workable(accuracy, least=20.0) is None
