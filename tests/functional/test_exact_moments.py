import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from batchnorm.functional import exact_moments
from batchnorm.kernels import cpu

LAYOUTS = {
    "contiguous": lambda x: x.contiguous(),
    "channels_last": lambda x: x.movedim(1, -1).contiguous().movedim(-1, 1),
    "no kernel": lambda x: x.repeat_interleave(2, -1)[..., ::2],
}
SHAPES = [(8, 3), (8, 13, 5), (4, 3, 5, 2), (2, 3, 4, 3, 2), (1, 5, 40, 40), (300, 70)]


def draw(shape, dtype, mean=0.0):
    x = torch.randn(shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64) + mean
    return x.to(dtype)


def oracle(x):
    values, axes = x.double().numpy(), tuple(axis for axis in range(x.dim()) if axis != 1)
    return values.mean(axes), values.var(axes)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16, torch.float16], ids=str)
@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_moments_are_those_of_float64(shape, layout, dtype):
    x = LAYOUTS[layout](draw(shape, dtype))
    found, (mean, var) = exact_moments(x), oracle(x)
    assert (found.mean.dtype, found.var.dtype) == (torch.float64, torch.float64)
    assert found.count == x.numel() // x.shape[1]
    tolerance = 1e-12 if dtype is torch.float64 else 1e-6
    np.testing.assert_allclose(found.mean, mean, rtol=0, atol=tolerance * np.sqrt(var.max()))
    np.testing.assert_allclose(found.var, var, rtol=tolerance)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("shape", [(1000, 4, 6), (50, 4, 33, 17)], ids=str)
def test_a_mean_of_ten_thousand_costs_no_digit_of_the_variance(shape, layout):
    x = LAYOUTS[layout](draw(shape, torch.float32, mean=10_000))
    found, (mean, var) = exact_moments(x), oracle(x)
    np.testing.assert_allclose(found.mean, mean, rtol=1e-11)
    np.testing.assert_allclose(found.var, var, rtol=1e-6)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_constant_channel_has_a_variance_of_nothing(layout):
    found = exact_moments(LAYOUTS[layout](torch.full((7, 3, 4, 4), 0.1)))
    assert found.var.tolist() == [0.0] * 3
    assert found.mean.tolist() == pytest.approx([torch.tensor(0.1).item()] * 3, rel=1e-15)


@pytest.mark.parametrize("threads", [1, 2, 3])
@pytest.mark.parametrize("layout", ["contiguous", "channels_last"])
def test_the_bits_do_not_depend_on_the_threads(layout, threads):
    x, before = LAYOUTS[layout](draw((16, 24, 20, 20), torch.float32)), torch.get_num_threads()
    expected = exact_moments(x)
    try:
        torch.set_num_threads(threads)
        found = exact_moments(x)
    finally:
        torch.set_num_threads(before)
    assert torch.equal(found.mean, expected.mean)
    assert torch.equal(found.var, expected.var)


@settings(derandomize=True, deadline=None, max_examples=40)
@given(n=st.integers(1, 30), cut=st.integers(0, 30), layout=st.sampled_from(sorted(LAYOUTS)))
def test_merging_any_split_gives_the_moments_of_the_whole(n, cut, layout):
    x = LAYOUTS[layout](draw((n, 3, 4, 2), torch.float32))
    found, (mean, var) = exact_moments(x[:cut]).merge(exact_moments(x[cut:])), oracle(x)
    np.testing.assert_allclose(found.mean, mean, rtol=0, atol=1e-6)
    np.testing.assert_allclose(found.var, var, rtol=1e-6, atol=1e-7)


def test_a_value_that_is_not_finite_makes_its_channel_not_finite_and_no_other():
    x = draw((4, 3, 5, 5), torch.float32)
    x[1, 2, 0, 0] = torch.nan
    found = exact_moments(x)
    assert found.mean.isnan().tolist() == [False, False, True]
    assert found.var.isnan().tolist() == [False, False, True]


def test_there_is_no_gradient():
    x = torch.ones(2, 2, requires_grad=True)
    assert not exact_moments(x).mean.requires_grad


def test_nothing_has_count_zero():
    found = exact_moments(torch.empty(0, 3, 2))
    assert (found.mean.tolist(), found.var.tolist(), found.count) == ([0.0] * 3, [0.0] * 3, 0)


def test_without_numba_they_are_the_same(monkeypatch):
    x = draw((5, 3, 6, 6), torch.float32)
    expected = exact_moments(x)
    monkeypatch.setattr(cpu, "available", lambda: False)
    found = exact_moments(x)
    torch.testing.assert_close(found.mean, expected.mean, rtol=0, atol=1e-7)
    torch.testing.assert_close(found.var, expected.var, rtol=1e-6, atol=0)


def test_integers_and_tensors_without_channels_are_refused():
    with pytest.raises(TypeError, match=r"floating-point dtype, got torch\.int64"):
        exact_moments(torch.ones(2, 2, dtype=torch.long))
    with pytest.raises(ValueError, match=r"shape \(N, C, \*\), got \(3,\)"):
        exact_moments(torch.ones(3))
