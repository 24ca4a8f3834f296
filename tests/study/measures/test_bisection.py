"""The largest value that works, against borders that were planted."""

import math

import pytest

from batchnorm.study.measures import Largest, largest_that_works


@pytest.mark.parametrize("border", [0.0123, 0.1, 0.77, 3.0, 31.7])
@pytest.mark.parametrize("halvings", [0, 3, 6])
def test_it_is_below_the_border_by_no_more_than_the_last_halving(border: float, halvings: int) -> None:
    found = largest_that_works(lambda value: value <= border, 0.01, 100.0, halvings)
    assert not found.censored
    assert border / 10 ** (0.5 / 2**halvings) <= found.value * (1 + 1e-12)
    assert found.value <= border


def test_small_values_that_fail_for_a_reason_of_their_own_do_not_mislead() -> None:
    found = largest_that_works(lambda value: 0.5 < value < 2.0, 0.001, 100.0, halvings=8)
    assert math.isclose(found.value, 2.0, rel_tol=0.01)


def test_there_is_none_where_none_works_down_to_the_lowest() -> None:
    tried: list[float] = []
    found = largest_that_works(lambda value: bool(tried.append(value)), 0.02, 1.0, halvings=3)
    assert math.isnan(found.value)
    assert not found.censored
    assert tried[0] == 1.0
    assert tried[-1] == 0.02
    assert min(tried) == 0.02


def test_a_border_above_the_highest_is_censored() -> None:
    assert largest_that_works(lambda value: True, 0.01, 10.0, halvings=3) == Largest(10.0, censored=True)
