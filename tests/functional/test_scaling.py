import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from batchnorm.functional import minmax, minmax_inverse, zscore, zscore_inverse

numerics = settings(derandomize=True, deadline=None, max_examples=100)
data = hnp.arrays(
    np.float64,
    hnp.array_shapes(min_dims=2, max_dims=4, min_side=1, max_side=4),
    elements=st.floats(-1e6, 1e6),
).map(torch.from_numpy)
BOTH = [(zscore, zscore_inverse), (minmax, minmax_inverse)]
X = torch.randn(6, 3, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64) * 5 + 2


@pytest.mark.parametrize(("scale", "inverse"), BOTH)
@numerics
@given(x=data)
def test_the_inverse_gives_the_data_back(scale, inverse, x):
    found = inverse(*scale(x))
    torch.testing.assert_close(found, x, rtol=0, atol=1e-13 * max(1.0, x.abs().max().item()))


@pytest.mark.parametrize(("scale", "inverse"), BOTH)
@numerics
@given(value=st.floats(-1e6, 1e6, width=32))
def test_a_constant_channel_becomes_zeros_and_comes_back_by_bits(scale, inverse, value):
    x = torch.full((5, 2), value)
    scaled = scale(x)
    assert scaled.values.abs().max() == 0
    assert torch.equal(inverse(*scaled), x)


@pytest.mark.parametrize(("scale", "inverse"), BOTH)
def test_new_values_of_a_channel_that_was_constant_come_back_too(scale, inverse):
    _, *constants = scale(torch.full((5, 1), 3.0))
    new = torch.tensor([[7.0]])
    assert torch.equal(inverse(*scale(new, *constants)), new)


def test_zscore_gives_mean_zero_and_standard_deviation_one_by_channel():
    values = zscore(X).values.numpy()
    np.testing.assert_allclose(values.mean((0, 2)), 0, atol=1e-14)
    np.testing.assert_allclose(values.std((0, 2)), 1, atol=1e-14)


def test_zscore_returns_the_constants_it_used():
    _, mean, std = zscore(X)
    np.testing.assert_allclose(mean, X.numpy().mean((0, 2)), rtol=1e-13)
    np.testing.assert_allclose(std, X.numpy().std((0, 2)), rtol=1e-13)


def test_minmax_reaches_zero_and_one_in_every_channel():
    values = minmax(X).values.numpy()
    assert (values.min((0, 2)).tolist(), values.max((0, 2)).tolist()) == ([0.0] * 3, [1.0] * 3)


def test_zscore_takes_constants_of_another_set():
    mean, std = torch.tensor([1.0]), torch.tensor([2.0])
    assert zscore(torch.tensor([[5.0]]), mean, std).values.item() == 2.0


def test_minmax_takes_constants_of_another_set():
    low, high = torch.tensor([1.0]), torch.tensor([3.0])
    assert minmax(torch.tensor([[5.0]]), low, high).values.item() == 2.0


def test_one_given_constant_leaves_the_other_to_the_data():
    assert zscore(torch.tensor([[1.0], [3.0]]), mean=torch.zeros(1)).values.tolist() == [[1], [3]]


@pytest.mark.parametrize("scale", [zscore, minmax])
def test_images_in_bytes_become_float32(scale):
    x = torch.randint(0, 256, (2, 3, 4, 4), dtype=torch.uint8)
    assert scale(x).values.dtype is torch.float32


@pytest.mark.parametrize(("scale", "inverse"), BOTH)
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16], ids=str)
def test_half_types_stay_and_their_constants_are_float32(dtype, scale, inverse):
    scaled = scale(X.to(dtype))
    assert (scaled.values.dtype, scaled[1].dtype) == (dtype, torch.float32)
    assert inverse(*scaled).dtype is dtype


@pytest.mark.parametrize("scale", [zscore, minmax])
def test_nothing_to_take_constants_from_is_an_error(scale):
    with pytest.raises(ValueError, match=r"x must have values .* got shape \(0, 3\)"):
        scale(torch.empty(0, 3))


@pytest.mark.parametrize(("scale", "inverse"), BOTH)
@pytest.mark.parametrize("dtype", [torch.int32, torch.int64], ids=str)
def test_wide_integers_keep_every_value(dtype, scale, inverse):
    x = torch.tensor([[2**24], [2**24 + 1], [2**24 + 3]], dtype=dtype)
    scaled = scale(x)
    assert scaled.values.dtype is torch.float64
    assert inverse(*scaled).round().to(dtype).tolist() == x.tolist()


@pytest.mark.parametrize("dtype", [torch.uint8, torch.int8, torch.int16, torch.bool], ids=str)
@pytest.mark.parametrize("scale", [zscore, minmax])
def test_short_integers_become_float32(scale, dtype):
    assert scale(torch.tensor([[0], [1]]).to(dtype)).values.dtype is torch.float32


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: zscore(X, torch.ones(4)), "mean: expected 3 values"),
        (lambda: zscore(X, None, torch.ones(4)), "std: expected 3 values"),
        (lambda: minmax(X, torch.ones(4), torch.ones(4)), "low: expected 3 values"),
        (lambda: minmax_inverse(X, torch.ones(4), torch.ones(4)), "expected 3 values"),
        (lambda: zscore_inverse(X, torch.ones(4), torch.ones(3)), "mean: expected 3 values"),
        (lambda: minmax(X[0, 0]), r"x: expected the shape \(N, C, \*\), got \(4,\)"),
    ],
)
def test_constants_or_data_of_another_shape_are_an_error(call, message):
    with pytest.raises(ValueError, match=message):
        call()


@pytest.mark.parametrize("scale", [zscore, minmax])
def test_complex_data_are_an_error(scale):
    with pytest.raises(TypeError, match=r"x: expected real numbers, got torch.complex128\. Scale x\.real"):
        scale(X.to(torch.complex128))
