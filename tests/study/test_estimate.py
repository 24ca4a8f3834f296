"""Are intervals, p-values, power and Holm's adjustment those of the textbook? scipy.stats computes them another way."""

import itertools
import math
import sys

import numpy as np
import pytest
from scipy import stats

from batchnorm.errors import RefusedError
from batchnorm.study._estimate import Estimate, of_groups, of_sample
from batchnorm.study._holm import adjusted, combined
from batchnorm.study._power import POWER, detectable

DRAWS = np.random.default_rng(7)
A, B, C, D = (DRAWS.normal(loc, 1 + loc, size=6) for loc in (0.0, 0.5, 1.0, 0.2))


def test_the_interval_of_paired_differences_is_students() -> None:
    expected = stats.ttest_rel(A, B).confidence_interval(0.95)
    assert of_sample(list(A - B)).interval() == pytest.approx((expected.low, expected.high), rel=1e-9)


def test_the_interval_of_two_groups_is_welchs() -> None:
    expected = stats.ttest_ind(A, B[:4], equal_var=False).confidence_interval(0.95)
    estimate = of_groups([(1, list(A)), (-1, list(B[:4]))])
    assert estimate.interval() == pytest.approx((expected.low, expected.high), rel=1e-9)


def test_the_degrees_of_freedom_of_four_groups_are_satterthwaites() -> None:
    groups = (A, B, C, D)
    squares = [np.var(one, ddof=1) / 6 for one in groups]
    estimate = of_groups([(1, list(A)), (-1, list(B)), (-1, list(C)), (1, list(D))])
    assert estimate.df == pytest.approx(sum(squares) ** 2 / sum(one**2 / 5 for one in squares), rel=1e-9)
    assert estimate.error == pytest.approx(math.sqrt(sum(squares)), rel=1e-9)
    assert estimate.mean == pytest.approx(A.mean() - B.mean() - C.mean() + D.mean(), rel=1e-9)


@pytest.mark.parametrize(("alternative", "method"), [("greater", "p_above"), ("less", "p_below")])
def test_one_sided_ps_are_those_of_students_test(alternative, method) -> None:
    expected = stats.ttest_1samp(A - B, 0.3, alternative=alternative).pvalue
    assert getattr(of_sample(list(A - B)), method)(0.3) == pytest.approx(expected, rel=1e-9)


def test_numbers_without_spread_have_an_interval_of_no_width() -> None:
    estimate = of_sample([0.5, 0.5, 0.5])
    assert estimate.interval() == (0.5, 0.5)
    assert (estimate.p_above(0.4), estimate.p_above(0.5), estimate.p_below(0.5)) == (0.0, 1.0, 0.0)


def test_groups_without_spread_have_an_interval_of_no_width() -> None:
    assert of_groups([(1, [1.0, 1.0]), (-1, [0.5, 0.5])]).interval() == (0.5, 0.5)


def test_without_scipy_it_is_told_what_to_install(monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "scipy", None)
    with pytest.raises(RefusedError, match=r"a study needs scipy.* Install it: pip install 'batchnorm\[study\]'"):
        of_sample([1.0, 2.0]).interval()


@pytest.mark.parametrize("n", [2, 3, 6, 10, 30])
def test_the_detectable_effect_is_found_in_80_percent(n) -> None:
    ncp = detectable(Estimate(0.0, 1.0, n - 1))
    assert stats.nct.sf(stats.t.ppf(0.975, n - 1), n - 1, ncp) == pytest.approx(POWER, abs=1e-4)


def test_holm_is_bonferroni_closed_over_all_subsets() -> None:
    ps = [0.001, 0.04, 0.02, 0.02, 0.6, 0.009]
    for place, p in enumerate(adjusted(ps)):
        subsets = itertools.chain.from_iterable(itertools.combinations(range(len(ps)), size) for size in range(1, 7))
        closed = max(min(1.0, len(one) * min(ps[i] for i in one)) for one in subsets if place in one)
        assert p == pytest.approx(closed, rel=1e-12)


def test_nothing_is_adjusted_of_nothing() -> None:
    assert adjusted([]) == []


def test_one_refuted_comparison_refutes_a_claim_whatever_is_undecided() -> None:
    assert combined(["supported", "undecided", "not supported"]) == "not supported"
