"""Where a derivative jumps, or several values of a window are the largest: do the kernels choose as torch does?"""

from itertools import product

import pytest
import torch
import torch.nn.functional as F

from batchnorm.functional import batch_norm, batch_norm_add, batch_norm_pool

from .cases import DTYPES, channels_last, draw

pytestmark = pytest.mark.usefixtures("one_thread")

FORMATS = {"contiguous": torch.Tensor.contiguous, "channels_last": channels_last}
CORNERS = [0.0, -0.0, 6.0, -3.0, 3.0, 1.0, -1.0, 5.0, 7.0, -4.0, 4.0]
"""The points where the activations have corners, and some between them."""


def unit(channels, dtype):
    """Statistics under which evaluation with eps=0 gives back x itself, to the bit."""
    return torch.zeros(channels, dtype=dtype), torch.ones(channels, dtype=dtype)


def gradient(function, x, dy):
    x = x.detach().requires_grad_()
    function(x).backward(dy)
    return x.grad


def assert_same_bits(found, expected):
    torch.testing.assert_close(found, expected, rtol=0, atol=0, equal_nan=True)


@pytest.mark.parametrize("place", FORMATS)
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("activation", ["relu", "relu6", "hardswish"])
def test_at_its_corners_an_activation_has_torchs_derivative(activation, dtype, place):
    """77 values a channel: each corner in every lane of a vector, and in the rest behind the last."""
    x = FORMATS[place](torch.tensor(CORNERS * 42, dtype=dtype).reshape(2, 3, 77))
    found = gradient(
        lambda x: batch_norm(x, *unit(3, dtype), eps=0.0, activation=activation, route="fused"), x, torch.ones_like(x)
    )
    assert_same_bits(found, gradient(getattr(F, activation), x, torch.ones_like(x)))


@pytest.mark.parametrize("place", FORMATS)
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_where_a_sum_is_exactly_0_relu_has_torchs_derivative(dtype, place):
    x = FORMATS[place](torch.tensor(CORNERS * 42, dtype=dtype).reshape(2, 3, 77))
    residual = FORMATS[place](torch.where(x.abs() < 4, -x, x))
    found = gradient(
        lambda x: batch_norm_add(x, residual, *unit(3, dtype), eps=0.0, route="fused"), x, torch.ones_like(x)
    )
    assert_same_bits(found, gradient(lambda x: F.relu(x + residual), x, torch.ones_like(x)))


def windows(dtype, channels):
    """All windows of four values out of four, in a row of odd width, for every channel."""
    values = torch.tensor(list(product([-1.0, 0.0, 1.0, 2.0], repeat=4)), dtype=dtype)
    image = values.reshape(256, 2, 2).permute(1, 0, 2).reshape(1, 1, 2, 512)
    return F.pad(image, (0, 1)).expand(1, channels, 2, 513)


@pytest.mark.parametrize("place", FORMATS)
@pytest.mark.parametrize("channels", [3, 16])
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_of_equal_values_of_a_window_the_first_wins_as_in_torchs_pool(dtype, channels, place):
    x = FORMATS[place](windows(dtype, channels))
    dy = draw((1, channels, 1, 256), 1).to(dtype)
    found = gradient(lambda x: batch_norm_pool(x, *unit(channels, dtype), eps=0.0, route="fused"), x, dy)
    assert_same_bits(found, gradient(lambda x: F.max_pool2d(F.relu(x), 2), x, dy))


@pytest.mark.parametrize("place", FORMATS)
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_ties_of_a_batch_in_training_go_to_the_first_as_well(dtype, place):
    """A third of the values are equal, so that most windows have a tie; the derivative by native in float64."""
    x = FORMATS[place](draw((6, 5, 8, 9), 0).round().to(dtype))
    dy = draw((6, 5, 4, 4), 1).to(dtype)
    weight, bias = draw(5, 2).abs() + 0.5, draw(5, 3).abs() + 3  # all of them alive
    parameters = torch.float64 if dtype is torch.float64 else torch.float32

    def pooled(x, route):
        kind = torch.promote_types(x.dtype, parameters)
        return batch_norm_pool(x, None, None, weight.to(kind), bias.to(kind), training=True, route=route)

    found = gradient(lambda x: pooled(x, "fused"), x, dy)
    expected = gradient(lambda x: pooled(x, "native"), x.double(), dy.double())
    rounding = max(1e-13, 4 * torch.finfo(dtype).eps)
    torch.testing.assert_close(found.double(), expected, rtol=rounding, atol=rounding)


@pytest.mark.parametrize("place", FORMATS)
@pytest.mark.parametrize("channels", [3, 16])
def test_a_nan_wins_its_window_and_the_last_of_several_gets_the_gradient(channels, place):
    nan = float("nan")
    values = torch.tensor(list(product([-1.0, 1.0, nan], repeat=4)))
    x = FORMATS[place](values.reshape(81, 2, 2).permute(1, 0, 2).reshape(1, 1, 2, 162).expand(1, channels, 2, 162))
    dy = draw((1, channels, 1, 81), 1).float()
    y = batch_norm_pool(x, *unit(channels, torch.float32), eps=0.0, route="fused")
    assert_same_bits(y, F.max_pool2d(F.relu(x), 2))
    found = gradient(lambda x: batch_norm_pool(x, *unit(channels, torch.float32), eps=0.0, route="fused"), x, dy)
    assert_same_bits(found, gradient(lambda x: F.max_pool2d(F.relu(x), 2), x, dy))
