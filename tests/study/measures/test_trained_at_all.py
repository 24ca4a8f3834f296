"""What counts as a training that worked, and as one that diverged."""

import math

import pytest

from batchnorm.study.measures import exploded, trained_at_all

LEARNING = [2.3] * 10 + [1.5] * 20


def test_a_loss_below_that_of_guessing_at_the_end_is_a_training() -> None:
    assert trained_at_all(LEARNING, classes=10)


@pytest.mark.parametrize("bad", [math.nan, math.inf, 2301.0])
def test_one_loss_that_explodes_is_a_divergence_whatever_follows(bad: float) -> None:
    assert not trained_at_all([2.3, bad, *LEARNING], classes=10)


def test_a_net_that_has_died_has_not_trained() -> None:
    assert not trained_at_all([2.3] * 5 + [math.log(10)] * 40, classes=10)


def test_the_end_is_the_last_twenty_steps() -> None:
    spike = [2.3] * 10 + [900.0] + [1.5] * 20
    assert trained_at_all(spike, classes=10)
    assert not trained_at_all(spike[:-1], classes=10)


@pytest.mark.parametrize(("classes", "trained"), [(2, False), (100, True)])
def test_what_guessing_costs_depends_on_the_number_of_classes(classes: int, trained: bool) -> None:
    assert trained_at_all([5.0] + [0.6] * 20, classes) is trained


def test_no_steps_are_no_training() -> None:
    assert not trained_at_all([], classes=10)


def test_a_first_loss_that_is_no_number_has_exploded() -> None:
    assert exploded(math.nan, math.nan)
