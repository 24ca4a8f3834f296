"""Which rates are tried, what smoothing makes of the losses, and what the curve suggests."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.signal import lfilter

from batchnorm.errors import InputError
from batchnorm.records import RangeTestStep
from batchnorm.training import LRRangeOptions
from batchnorm.training._lr_sweep import swept
from batchnorm.training._suggested_lr import suggested

OPTIONS = LRRangeOptions(1e-5, 10.0, steps=121)
NOISE = 0.01 * np.random.default_rng(0).standard_normal(121)


def valley(rate: float, bottom: float = 0.1) -> float:
    """A loss that is 2.3 at small rates, 1.3 at `bottom`, and rises fast above it."""
    return 2.3 - math.exp(-((math.log10(rate / bottom)) ** 2)) + 30 * max(0.0, math.log10(rate / bottom)) ** 3


def tried(loss, options: LRRangeOptions = OPTIONS):
    """The steps and the end of a test in which a net has these losses, with some noise."""
    noise = iter(np.resize(NOISE, options.steps))
    return swept(options, lambda rate: loss(rate) + float(next(noise)))


def test_the_rates_are_a_geometric_series_from_the_lowest_to_the_highest() -> None:
    assert OPTIONS.rates == pytest.approx(np.geomspace(1e-5, 10.0, 121), rel=1e-12)


def test_the_smoothed_loss_is_an_exponential_mean_without_the_bias_of_its_beginning() -> None:
    """Beside scipy's filter, divided by the same filter of ones."""
    losses = np.random.default_rng(1).uniform(1, 3, 121)
    given_out = iter(losses)
    steps, _ = swept(OPTIONS, lambda _: float(next(given_out)))
    expected = lfilter([0.05], [1, -0.95], losses) / lfilter([0.05], [1, -0.95], np.ones(121))
    assert [step.smoothed for step in steps] == pytest.approx(expected[: len(steps)], rel=1e-12)


def test_a_loss_that_rises_by_four_times_its_fall_ends_the_test() -> None:
    steps, ended = tried(valley)
    smoothed = np.array([step.smoothed for step in steps])
    fall = np.mean([step.loss for step in steps[:12]]) - smoothed.min()
    assert ended == "risen"
    assert smoothed[-1] - smoothed.min() > 4 * fall >= smoothed[-2] - smoothed.min()


@pytest.mark.parametrize("value", [math.nan, math.inf, None])
def test_a_loss_that_is_not_finite_ends_the_test(value) -> None:
    steps, ended = swept(OPTIONS, lambda rate: value if rate > 0.5 else 2.0)
    assert ended == "not finite"
    assert steps[-1] == RangeTestStep(steps[-1].lr, None, None)
    assert steps[-1].lr > 0.5 >= steps[-2].lr


def test_the_suggestion_is_half_of_where_the_curve_has_fallen_by_95_percent() -> None:
    steps, ended = tried(valley)
    found = suggested(steps, ended, OPTIONS)
    rates, smoothed = np.array([(step.lr, step.smoothed) for step in steps]).T
    first = np.mean([step.loss for step in steps[:12]])
    fallen = rates[np.flatnonzero(smoothed <= first - 0.95 * (first - smoothed.min()))[0]]
    assert found.fallen == fallen
    assert found.lowest == rates[smoothed.argmin()]
    assert found.lr == pytest.approx(fallen / 2, rel=0.05)  # two digits


@settings(derandomize=True, max_examples=25, deadline=None, database=None)
@given(st.floats(-1e3, 1e3), st.floats(-6, 6))
def test_a_constant_and_a_factor_on_the_loss_change_no_suggestion(constant: float, power: float) -> None:
    """Also where it is negative, as the logarithm of a density may be."""
    factor = 10.0**power
    plain = suggested(*tried(valley), OPTIONS)
    noise = iter(NOISE)
    moved = suggested(*swept(OPTIONS, lambda rate: factor * (valley(rate) + float(next(noise)) + constant)), OPTIONS)
    assert moved.lr == plain.lr


@pytest.mark.parametrize("bottom", [1e-3, 1e-2, 1.0])
def test_a_valley_at_other_rates_moves_the_suggestion_with_it(bottom: float) -> None:
    here, there = (suggested(*tried(lambda rate, at=at: valley(rate, at)), OPTIONS) for at in (0.1, bottom))
    assert here.lr / 0.1 == pytest.approx(there.lr / bottom, rel=0.25)  # a step is a factor of 1.12


def test_nothing_is_suggested_where_the_loss_only_scatters() -> None:
    assert "no further than by chance" in suggested(*tried(lambda _: 2.3), OPTIONS).problem


def test_scatter_alone_is_rarely_taken_for_a_fall() -> None:
    """In fewer than one of a hundred curves."""
    rng = np.random.default_rng(2)
    found = [suggested(*swept(OPTIONS, lambda _: float(rng.normal())), OPTIONS).lr for _ in range(150)]
    assert sum(lr is not None for lr in found) <= 1


def test_nothing_is_suggested_where_the_loss_still_falls_at_the_highest_rate() -> None:
    low = replace(OPTIONS, lr_max=0.01)
    assert "still fell at the highest rate, 0.01" in suggested(*tried(valley, low), low).problem


@pytest.mark.parametrize("last", [1e-6, 2e-5])
def test_nothing_is_suggested_where_the_lowest_rate_is_too_high(last: float) -> None:
    steps, ended = swept(OPTIONS, lambda rate: None if rate > last else 2.3)
    assert "rose from the start, at rates of 1e-05" in suggested(steps, ended, OPTIONS).problem


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"lr_min": 0}, "lr_min: expected a number above 0 and at most 1e6, got 0"),
        ({"lr_min": True}, "lr_min: expected a number above 0 .* got True"),
        ({"lr_max": math.nan}, "lr_max: expected a number above 0 .* got nan"),
        ({"lr_max": "1"}, "lr_max: expected a number above 0 .* got '1'"),
        ({"lr_min": 1.0, "lr_max": 2.0}, r"lr_max: expected at least 10 times lr_min \(1\), got 2"),
        ({"steps": 3}, "steps: expected an integer from 20 to 1,000,000, got 3"),
        ({"steps": 30.0}, "steps: expected an integer from 20"),
        ({"steps": 10**9}, "steps: expected an integer from 20"),
    ],
)
def test_options_that_cannot_be_meant_are_refused(options: dict, message: str) -> None:
    with pytest.raises(InputError, match=message):
        LRRangeOptions(**options)
