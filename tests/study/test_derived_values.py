"""What claims make of the values of one seed, against numbers that were planted."""

import math

import pytest

from batchnorm.study.claims import _convergence, _initialization, _learning_rate


def training(**reached: int) -> dict[str, float]:
    named = {f"steps to {level[1:]} %": float(step) for level, step in reached.items()}
    return {"accuracy": 50.0, "steps": 600.0, "seconds per step": 0.5, **named}


def test_the_goal_is_the_highest_level_of_the_net_without_a_norm() -> None:
    by_arm = {"batch norm": training(_40=20, _45=30, _80=500), "no norm": training(_40=100, _45=400)}
    found = _convergence.derive(by_arm)
    assert found["batch norm, to the goal"].items() >= {"steps": 30, "seconds": 15.0, "goal": 45}.items()
    assert found["batch norm, to the goal"]["steps censored"] == 0
    assert found["no norm, to the goal"]["steps"] == 400
    assert not any("rate" in name for name in found)


def test_a_range_of_scales_is_that_near_the_best_of_the_same_kind_of_net() -> None:
    flat, peak = (70.0,) * 7, (10.0, 10.0, 10.0, 50.0, 10.0, 10.0, 10.0)
    by_arm = {
        f"{norm}, scale {scale:g}": {"accuracy": accuracy, "guessing": 10.0}
        for norm, row in (("batch norm", flat), ("no norm", peak))
        for scale, accuracy in zip(_initialization.SCALES, row, strict=True)
    }
    found = _initialization.derive(by_arm)
    assert found["batch norm, all scales"] == {"workable decades": 4.0, "workable decades censored": 1.0}
    expected = (math.log10(1 / 0.3) + math.log10(3)) * 10 / 40
    assert found["no norm, all scales"]["workable decades"] == pytest.approx(expected)
    assert found["no norm, all scales"]["workable decades censored"] == 0.0
    assert math.isnan(found["no norm, all scales, rate 0.03"]["workable decades"])


def test_a_net_that_guesses_at_every_scale_works_at_none() -> None:
    by_arm = {f"no norm, scale {scale:g}": {"accuracy": 12.0, "guessing": 10.0} for scale in _initialization.SCALES}
    assert _initialization.derive(by_arm)["no norm, all scales"]["workable decades"] == 0.0


def test_the_spread_of_schemes_is_that_of_all_four_or_missing() -> None:
    names = ["no norm, scale 1", "no norm, xavier", "no norm, orthogonal", "no norm, normal"]
    by_arm = {name: {"accuracy": 60.0 + 5 * place, "guessing": 10.0} for place, name in enumerate(names)}
    assert _initialization.derive(by_arm)["no norm, all schemes"]["spread of accuracy"] == 15.0
    del by_arm["no norm, xavier"]
    assert math.isnan(_initialization.derive(by_arm)["no norm, all schemes"]["spread of accuracy"])


def test_rates_near_the_best_are_those_within_five_points() -> None:
    accuracy = {0.003: 20.0, 0.01: 60.0, 0.03: 80.0, 0.1: 78.0, 0.3: 40.0}
    by_arm = {f"batch norm, rate {rate:g}": {"accuracy": value} for rate, value in accuracy.items()}
    found = _learning_rate.derive(by_arm)["batch norm, all rates"]
    assert found["best accuracy"] == 80.0
    assert found["highest rate near the best censored"] == found["decades near the best censored"] == 0.0
    assert found["highest rate near the best"] == pytest.approx(0.1 * 3 ** (3 / 38))
    lowest = 0.03 * 3**-0.25
    assert found["decades near the best"] == pytest.approx(math.log10(0.1 * 3 ** (3 / 38) / lowest))
