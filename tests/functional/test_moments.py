import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from batchnorm.functional import Moments, batch_moments

seeds = st.integers(0, 2**32 - 1)
numerics = settings(derandomize=True, deadline=None, max_examples=60)


def draw(seed, n, dtype=torch.float64, channels=3):
    generator = torch.Generator().manual_seed(seed)
    values = torch.randn(n, channels, generator=generator, dtype=torch.float64)
    scale, offset = torch.rand(2, channels, generator=generator, dtype=torch.float64) * 100
    return (values * scale + offset - 50).to(dtype)


def assert_same(found, expected, tolerance=1e-12):
    size = max(1.0, expected.mean.abs().max().item(), expected.var.abs().max().item())
    torch.testing.assert_close(found.mean, expected.mean, rtol=0, atol=tolerance * size)
    torch.testing.assert_close(found.var, expected.var, rtol=0, atol=tolerance * size)
    assert int(found.count) == int(expected.count)


@pytest.mark.parametrize("shape", [(8, 3), (8, 3, 5), (4, 3, 5, 2), (2, 3, 4, 3, 2)], ids=str)
def test_moments_are_the_mean_and_the_biased_variance_of_each_channel(shape):
    x = torch.randn(shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    axes = tuple(axis for axis in range(len(shape)) if axis != 1)
    found = batch_moments(x)
    np.testing.assert_allclose(found.mean, x.numpy().mean(axes), rtol=1e-12)
    np.testing.assert_allclose(found.var, x.numpy().var(axes), rtol=1e-12)


def test_count_is_the_values_per_channel():
    assert batch_moments(torch.zeros(2, 3, 4, 5)).count == 2 * 4 * 5


@pytest.mark.parametrize("n", [100, 100_000])
def test_variance_survives_a_mean_of_ten_thousand_in_float32(n):
    x = torch.randn(n, 2, generator=torch.Generator().manual_seed(0)) + 10_000
    found = batch_moments(x).var.double().numpy()
    np.testing.assert_allclose(found, x.double().numpy().var(0), rtol=1e-4)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16], ids=str)
def test_half_types_are_reduced_in_float32(dtype):
    x = draw(0, 1000, dtype)
    found = batch_moments(x)
    assert found.mean.dtype is torch.float32
    np.testing.assert_allclose(found.var, x.double().numpy().var(0), rtol=1e-5)


def test_float64_stays_float64():
    assert batch_moments(draw(0, 4)).var.dtype is torch.float64


def test_an_empty_batch_has_count_zero_and_no_nan():
    found = batch_moments(torch.empty(0, 3, 2))
    assert (found.mean.tolist(), found.var.tolist(), found.count) == ([0.0] * 3, [0.0] * 3, 0)


def test_unbiased_var_divides_by_one_less():
    found = batch_moments(torch.tensor([[0.0], [2.0], [4.0]])).unbiased_var
    assert found.item() == pytest.approx(4.0)


@pytest.mark.parametrize("count", [1, torch.tensor(1)], ids=["number", "tensor"])
def test_one_value_has_no_unbiased_variance(count):
    assert Moments(torch.zeros(1), torch.zeros(1), count).unbiased_var.isnan().all()


@numerics
@given(seed=seeds, n=st.integers(2, 40), data=st.data())
def test_merging_any_split_gives_the_moments_of_the_whole(seed, n, data):
    x = draw(seed, n)
    cut = data.draw(st.integers(0, n))
    assert_same(batch_moments(x[:cut]).merge(batch_moments(x[cut:])), batch_moments(x))


@numerics
@given(seed=seeds, sizes=st.tuples(*[st.integers(0, 9)] * 3))
def test_merging_is_associative(seed, sizes):
    a, b, c = (batch_moments(part) for part in draw(seed, sum(sizes)).split(sizes))
    assert_same(a.merge(b).merge(c), a.merge(b.merge(c)))


@numerics
@given(seed=seeds, sizes=st.tuples(*[st.integers(0, 9)] * 2))
def test_merging_is_commutative(seed, sizes):
    a, b = (batch_moments(part) for part in draw(seed, sum(sizes)).split(sizes))
    assert_same(a.merge(b), b.merge(a))


@numerics
@given(seed=seeds, n=st.integers(1, 9))
def test_empty_moments_are_the_neutral_element_by_bits(seed, n):
    moments, empty = batch_moments(draw(seed, n)), Moments.empty(3, dtype=torch.float64)
    for found in (moments.merge(empty), empty.merge(moments)):
        assert torch.equal(found.mean, moments.mean)
        assert torch.equal(found.var, moments.var)


@pytest.mark.parametrize("as_tensor", [False, True])
def test_what_empty_moments_hold_does_not_matter(as_tensor):
    nan = torch.full((3,), torch.nan, dtype=torch.float64)
    empty = Moments(nan, nan, torch.tensor(0) if as_tensor else 0)
    moments = batch_moments(draw(0, 5))
    assert_same(empty.merge(moments), moments)
    assert_same(moments.merge(empty), moments)


@numerics
@given(seed=seeds, sizes=st.tuples(*[st.integers(0, 9)] * 2))
def test_counts_may_be_tensors(seed, sizes):
    x = draw(seed, sum(sizes))
    a, b = (batch_moments(part) for part in x.split(sizes))
    a = a._replace(count=torch.tensor(a.count))
    assert_same(a.merge(b), batch_moments(x))
    assert_same(b.merge(a), batch_moments(x))


def test_merging_many_float32_batches_into_float64_is_as_exact_as_their_moments():
    x = draw(3, 64_000, torch.float32)
    merged = Moments.empty(3, dtype=torch.float64)
    for batch in x.split(64):
        merged = merged.merge(batch_moments(batch))
    assert merged.mean.dtype is torch.float64
    np.testing.assert_allclose(merged.var, x.double().numpy().var(0), rtol=1e-6)


def test_merging_in_float32_survives_a_mean_of_ten_thousand():
    x = torch.randn(4096, 2, generator=torch.Generator().manual_seed(0)) + 10_000
    merged = Moments.empty(2)
    for batch in x.split(64):
        merged = merged.merge(batch_moments(batch))
    np.testing.assert_allclose(merged.var, x.double().numpy().var(0), rtol=1e-4)


def test_moments_pass_through_gradcheck():
    x = draw(0, 6).requires_grad_()
    assert torch.autograd.gradcheck(lambda x: batch_moments(x)[:2], (x,))


@pytest.mark.parametrize("other", [1, 4])
@pytest.mark.parametrize("as_tensor", [False, True])
def test_merging_moments_of_other_channels_is_an_error(other, as_tensor):
    a, b = batch_moments(torch.ones(2, 3)), batch_moments(torch.ones(2, other))
    a = a._replace(count=torch.tensor(2)) if as_tensor else a
    with pytest.raises(ValueError, match=rf"merge: other must .* shape \(3,\), got \({other},\)\. Merge"):
        a.merge(b)


def test_merging_works_under_vmap():
    x = torch.randn(5, 4, 3, generator=torch.Generator().manual_seed(0))
    found = torch.func.vmap(lambda x: batch_moments(x[:1]).merge(batch_moments(x[1:])).var)(x)
    torch.testing.assert_close(found, x.var(1, correction=0))


@pytest.mark.parametrize("dtype", [torch.int64, torch.uint8, torch.bool, torch.complex64], ids=str)
def test_moments_of_what_has_no_floating_point_are_an_error(dtype):
    with pytest.raises(TypeError, match=rf"batch_moments: x must be of a floating-point dtype, got {dtype}\."):
        batch_moments(torch.ones(2, 3).to(dtype))


@pytest.mark.parametrize("shape", [(), (3,)], ids=str)
def test_moments_of_fewer_than_two_axes_are_an_error(shape):
    with pytest.raises(ValueError, match=r"batch_moments: x must have the shape \(N, C, \*\), got \("):
        batch_moments(torch.ones(shape))
