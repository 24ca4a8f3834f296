"""Do verdicts find what was planted, and not what was not? Each share is of 2,000 drawn studies of six seeds."""

import numpy as np
import pytest

from batchnorm.study._compared import compared
from batchnorm.study._values import Values
from tests.study.drawn import asked

STUDIES, SEEDS = 2000, range(6)


def verdicts(effect, *comparisons):
    """The verdicts of each study: the arms share what the seed does, and their difference has a spread of 1."""
    draws = np.random.default_rng(20)
    for _ in range(STUDIES):
        shared = draws.normal(0, 5, size=6)
        difference = draws.normal(effect, 1, size=6)
        arms = {"a": shared + difference, "b": shared}
        numbers = {(arm, seed): {"x": float(xs[seed])} for arm, xs in arms.items() for seed in SEEDS}
        yield [compared(one, Values(numbers, {}), SEEDS).verdict for one in comparisons]


def share(found):
    return sum(found) / STUDIES


def test_an_arm_against_itself_is_seldom_found_to_differ() -> None:
    both_ways = verdicts(0.0, asked("greater"), asked("less"))
    assert share("supported" in one for one in both_ways) <= 0.065


@pytest.mark.parametrize("rule", ["greater", "equivalent"])
def test_an_effect_right_at_the_margin_is_seldom_placed_on_either_side(rule) -> None:
    assert share(one != "undecided" for (one,) in verdicts(2.0, asked(rule, margin=2.0))) <= 0.065


def test_an_effect_of_two_sd_is_found() -> None:
    assert share(one == "supported" for (one,) in verdicts(2.0, asked("greater"))) >= 0.9


def test_an_effect_of_two_sd_the_other_way_is_refuted() -> None:
    assert share(one == "not supported" for (one,) in verdicts(-2.0, asked("greater"))) >= 0.9


def test_equivalence_inside_the_margin_is_found() -> None:
    assert share(one == "supported" for (one,) in verdicts(0.0, asked("equivalent", margin=2.5))) >= 0.9
