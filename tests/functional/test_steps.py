import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from batchnorm.functional import affine, batch_moments, normalize, scale_shift

numerics = settings(derandomize=True, deadline=None, max_examples=60)


def draw(seed, *shape):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=generator, dtype=torch.float64)


def test_normalize_gives_mean_zero_and_biased_variance_one():
    x = draw(0, 7, 3, 5) * 4 + 2
    mean, var, _ = batch_moments(x)
    found = batch_moments(normalize(x, mean, var, eps=0.0))
    torch.testing.assert_close(found.mean, torch.zeros_like(mean))
    torch.testing.assert_close(found.var, torch.ones_like(var))


def test_eps_is_added_to_the_variance_inside_the_root():
    x = torch.tensor([[5.0]])
    assert normalize(x, torch.tensor([1.0]), torch.tensor([3.0]), eps=1.0).item() == 2.0


@pytest.mark.parametrize("weight", [None, torch.tensor([2.0, 3.0])], ids=["none", "given"])
@pytest.mark.parametrize("bias", [None, torch.tensor([10.0, 20.0])], ids=["none", "given"])
def test_affine_takes_weight_and_bias_independently(weight, bias):
    expected = [1.0 * (2 if weight is not None else 1) + (10 if bias is not None else 0)]
    expected += [1.0 * (3 if weight is not None else 1) + (20 if bias is not None else 0)]
    assert affine(torch.ones(1, 2), weight, bias).tolist() == [expected]


@numerics
@given(
    seed=st.integers(0, 2**32 - 1),
    axes=st.integers(2, 5),
    channels=st.integers(1, 4),
    given_=st.tuples(st.booleans(), st.booleans()),
    eps=st.floats(0, 1),
)
def test_scale_shift_equals_normalize_and_affine(seed, axes, channels, given_, eps):
    x = draw(seed, 3, channels, *(2,) * (axes - 2)) * 3
    mean, var = draw(seed + 1, channels), draw(seed + 2, channels).abs() + 0.01
    weight, bias = (draw(seed + i, channels) if g else None for i, g in enumerate(given_, 3))
    scale, shift = scale_shift(mean, var, weight, bias, eps)
    column = (1, -1) + (1,) * (axes - 2)
    found = x * scale.reshape(column) + shift.reshape(column)
    expected = affine(normalize(x, mean, var, eps), weight, bias)
    torch.testing.assert_close(found, expected, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16], ids=str)
def test_float32_moments_lift_a_half_input_to_float32(dtype):
    x = torch.ones(2, 3, dtype=dtype)
    assert normalize(x, torch.zeros(3), torch.ones(3), eps=1e-5).dtype is torch.float32


def test_the_steps_keep_channels_last():
    x = torch.randn(2, 8, 4, 4).contiguous(memory_format=torch.channels_last)
    y = affine(normalize(x, torch.zeros(8), torch.ones(8), 1e-5), torch.ones(8), torch.ones(8))
    assert y.is_contiguous(memory_format=torch.channels_last)


def test_the_steps_pass_gradgradcheck_by_every_argument():
    x, mean, weight, bias = draw(0, 3, 2), draw(1, 2), draw(2, 2), draw(3, 2)
    var = draw(4, 2).abs() + 0.5
    leaves = [t.requires_grad_() for t in (x, mean, var, weight, bias)]

    def steps(x, mean, var, weight, bias):
        return affine(normalize(x, mean, var, 1e-3), weight, bias)

    assert torch.autograd.gradgradcheck(steps, leaves)


def test_scale_shift_passes_gradgradcheck():
    leaves = [t.requires_grad_() for t in (draw(1, 2), draw(4, 2).abs() + 0.5, draw(2, 2))]
    assert torch.autograd.gradgradcheck(scale_shift, leaves)


@pytest.mark.parametrize(
    ("step", "message"),
    [
        (lambda x, three, four: affine(x, four), "weight: expected 3 values, .* got shape .4,."),
        (lambda x, three, four: affine(x, three[:1]), "weight: expected 3 values, .* got shape .1,."),
        (lambda x, three, four: affine(x, None, four), "bias: expected 3 values"),
        (lambda x, three, four: normalize(x, four, three, 0.1), "mean: expected 3 values"),
        (lambda x, three, four: normalize(x, three, four, 0.1), "var: expected 3 values"),
        (lambda x, three, four: affine(x[0], three), r"x: expected the shape \(N, C, \*\), got \(3,\)"),
        (lambda x, three, four: normalize(x[0], three, three, 0.1), "x: expected the shape"),
        (lambda x, three, four: scale_shift(three, four), r"var: expected the shape of mean, \(3,\), got \(4,\)"),
        (lambda x, three, four: scale_shift(three, three, four), "weight: expected the shape of mean"),
        (lambda x, three, four: scale_shift(three, three, None, three[:1]), "bias: expected the shape of mean"),
    ],
)
def test_a_wrong_number_of_channels_is_an_error_that_names_the_argument(step, message):
    with pytest.raises(ValueError, match=message):
        step(torch.ones(2, 3), torch.ones(3), torch.ones(4))
