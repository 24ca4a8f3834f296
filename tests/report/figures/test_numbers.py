"""Are means and intervals those of the formula?"""

import math

import numpy as np
import pytest
from scipy import stats

from batchnorm.report.figures._numbers import spread

VALUES = [3.0, 1.5, 4.25, 2.0, 5.5, 0.75]


def test_the_interval_is_that_of_students_t() -> None:
    expected = stats.t.interval(0.95, len(VALUES) - 1, np.mean(VALUES), stats.sem(VALUES))
    assert spread(VALUES)[1:] == pytest.approx(expected, rel=1e-12)


def test_on_a_logarithmic_axis_the_mean_is_the_geometric_one() -> None:
    assert spread(VALUES, log=True).mean == pytest.approx(stats.gmean(VALUES), rel=1e-12)


def test_on_a_logarithmic_axis_the_interval_is_that_of_the_logarithms() -> None:
    logs = np.log(VALUES)
    expected = np.exp(stats.t.interval(0.95, len(logs) - 1, np.mean(logs), stats.sem(logs)))
    assert spread(VALUES, log=True)[1:] == pytest.approx(expected, rel=1e-12)


def test_one_number_has_no_interval() -> None:
    assert spread([2.0]) == (2.0, None, None)


def test_what_is_no_number_is_left_out() -> None:
    assert spread([None, 2.0, math.inf, 4.0, math.nan]).mean == 3.0


def test_no_numbers_have_no_mean() -> None:
    assert spread([None]) is None
