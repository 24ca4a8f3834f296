"""Do the kernels stay exact where sums of squares cancel, overflow or vanish?"""

import numpy as np
import pytest
import torch

from batchnorm.kernels import cpu

from .cases import LAYOUTS, draw, excess, make_case, oracle, tensors

pytestmark = pytest.mark.usefixtures("one_thread")

SHAPES = [(64, 5), (2000, 16), (2, 3, 200), (4, 3, 17), (6, 8, 9, 10), (1, 2, 60, 60)]
FORMATS = ["contiguous", "channels_last"]
DTYPES = [torch.float32, torch.float64]


def make(x, dtype, layout="contiguous", **options):
    return make_case("identity", tuple(x.shape), dtype, x=x, layout=layout, **options)


@pytest.mark.parametrize("layout", FORMATS)
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_a_mean_of_10000_costs_no_digits(shape, dtype, layout):
    """A rounding of the mean, 1e4 eps of the deviation, is what dweight and the running mean cannot do without."""
    case = make(draw(shape, 0) + 10_000, dtype, layout)
    assert excess(case, roundings=lambda name, case: 1e4 if name == "dweight" else 8) == {}


@pytest.mark.parametrize("layout", FORMATS)
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("outlier", [100.0, 1e4, 1e6])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_an_outlier_as_the_first_value_costs_no_digits(shape, outlier, dtype, layout):
    """For the mean 4 roundings of the deviation are granted, which is sqrt(count) times the mean here."""
    x = draw(shape, 0)
    x.view(*shape[:2], -1)[0, :, 0] = outlier
    of_mean = 4 * (x.numel() / shape[1]) ** 0.5
    assert excess(make(x, dtype, layout), roundings=lambda name, _: of_mean if name == "running_mean" else 8) == {}


@pytest.mark.parametrize("layout", FORMATS)
@pytest.mark.parametrize("value", [0.0, 3.3, -1e4])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_a_constant_channel_gives_the_bias(shape, value, layout):
    case = make(torch.full(shape, value), torch.float32, layout)
    found, bias = tensors(case), case.bias.reshape(1, -1, *(1,) * (len(shape) - 2))
    torch.testing.assert_close(found["y"], bias.expand(shape), rtol=1e-6, atol=1e-6)
    torch.testing.assert_close(found["running_var"], 0.9 * case.running_var)
    torch.testing.assert_close(found["dweight"], torch.zeros_like(case.bias), rtol=0, atol=2e-4)
    assert all(t.isfinite().all() for t in found.values())


@pytest.mark.parametrize("layout", FORMATS)
@pytest.mark.parametrize("scale", [1e30, 1e-30])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_values_whose_squares_overflow_or_vanish_are_normalized(shape, dtype, scale, layout):
    case = make(draw(shape, 0) * scale, dtype, layout, tracked=False)
    wrong = excess(case, least=1e-30)
    wrong.pop("dx", None)  # see below
    assert wrong == {}


@pytest.mark.parametrize(
    "layout",
    [
        "contiguous",
        pytest.param(
            "channels_last",
            marks=pytest.mark.xfail(
                reason="beyond a deviation of 1e18 the factor of x - mean, deviation**-2 / sqrt(count), is 0 in float32"
            ),
        ),
    ],
)
@pytest.mark.parametrize("shape", [(2, 3, 200), (4, 3, 17)], ids=str)
def test_the_gradient_of_values_whose_squares_overflow_is_as_exact_as_natives(shape, layout):
    """Native is no better in the contiguous format, and right in channels_last."""
    case = make(draw(shape, 0) * 1e30, torch.float32, layout, tracked=False)
    assert "dx" not in excess(case, least=1e-30)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("shape", [(2, 3, 200), (6, 8, 9, 10), (2, 3, 4, 3, 5)], ids=str)
@pytest.mark.parametrize("family", ["relu", "add", "pool"])
@pytest.mark.parametrize("dtype", [*DTYPES, torch.bfloat16], ids=str)
def test_the_moments_that_a_kernel_returns_are_exact_to_roundings_of_float64_or_of_x(family, shape, layout, dtype):
    if family == "pool" and len(shape) != 4:
        shape = (*shape[:2], 6, 7)
    case = make_case(family, shape, dtype, layout=layout)
    given = (case.x, None, case.weight, case.bias, case.eps, "relu", case.residual)
    _, mean, var, _ = cpu.forward(*given, pool=case.pool)
    expected = oracle(case.over(momentum=1.0))
    count = case.x.numel() // case.x.shape[1]
    bound = 1e-13 if dtype is torch.float64 else 1e-6
    assert mean.dtype is var.dtype is torch.float64
    np.testing.assert_allclose(mean, expected["running_mean"].astype(float), rtol=bound, atol=bound)
    np.testing.assert_allclose(var * count / (count - 1), expected["running_var"].astype(float), rtol=bound)
