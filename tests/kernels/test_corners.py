"""Where a derivative jumps, or several values of a window are the largest: do the kernels choose as torch does?

Its choices are written down here: its own code makes some of them in another way from processor to processor.
"""

from itertools import product

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from batchnorm.functional import batch_norm, batch_norm_add, batch_norm_pool

from .cases import DTYPES, Case, channels_last, draw, tensors
from .oracle import from_windows, oracle, windows_of

pytestmark = pytest.mark.usefixtures("one_thread")

FORMATS = {"contiguous": torch.Tensor.contiguous, "channels_last": channels_last}
CORNERS = [0.0, -0.0, 6.0, -3.0, 3.0, 1.0, -1.0, 5.0, 7.0, -4.0, 4.0]
"""The points where the activations have corners, and some between them."""


def unit(channels, dtype):
    """Statistics under which evaluation with eps=0 gives back x itself, to the bit."""
    return torch.zeros(channels, dtype=dtype), torch.ones(channels, dtype=dtype)


DERIVATIVES = {
    "relu": lambda x: np.where(x <= 0, 0, 1),
    "relu6": lambda x: np.where((x <= 0) | (x >= 6), 0, 1),
    "hardswish": lambda x: np.where(x <= -3, 0, np.where(x >= 3, 1, x / 3 + 0.5)),
}
"""At a corner the flat side has it."""


def gradient(function, x, dy):
    x = x.detach().requires_grad_()
    function(x).backward(dy)
    return x.grad


def pooled(x):
    return batch_norm_pool(x, *unit(x.shape[1], x.dtype), eps=0.0, route="fused")


def assert_is(found, expected):
    """To a rounding, which is far less than what stands between the sides of a corner."""
    eps = torch.finfo(found.dtype).eps
    np.testing.assert_allclose(found.double().numpy(), expected.astype(np.float64), rtol=eps, atol=0)


@pytest.mark.parametrize("place", FORMATS)
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("activation", DERIVATIVES)
def test_at_its_corners_an_activation_has_the_derivative_of_its_flat_side(activation, dtype, place):
    """77 values a channel: each corner in every lane of a vector, and in the rest behind the last."""
    x = FORMATS[place](torch.tensor(CORNERS * 42, dtype=dtype).reshape(2, 3, 77))
    found = gradient(
        lambda x: batch_norm(x, *unit(3, dtype), eps=0.0, activation=activation, route="fused"), x, torch.ones_like(x)
    )
    assert_is(found, DERIVATIVES[activation](x.double().numpy()))


@pytest.mark.parametrize("place", FORMATS)
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_where_a_sum_is_exactly_0_relu_has_the_derivative_0(dtype, place):
    x = FORMATS[place](torch.tensor(CORNERS * 42, dtype=dtype).reshape(2, 3, 77))
    residual = FORMATS[place](torch.where(x.abs() < 4, -x, x))
    found = gradient(
        lambda x: batch_norm_add(x, residual, *unit(3, dtype), eps=0.0, route="fused"), x, torch.ones_like(x)
    )
    assert_is(found, DERIVATIVES["relu"]((x + residual).double().numpy()))


def pool_of(x, dy):
    """The maximum of every window of relu(x), and its gradient: to the last NaN, else to the first of the largest."""
    x, dy = x.double().numpy(), dy.double().numpy()
    windows = windows_of(np.maximum(x, 0))
    nan = np.isnan(windows)
    winner = np.where(nan.any(-1), 3 - nan[..., ::-1].argmax(-1), windows.argmax(-1))[..., None]
    reached = from_windows(np.where(np.arange(4) == winner, dy[..., None], 0), x.shape)
    return np.take_along_axis(windows, winner, -1)[..., 0], np.where(x <= 0, 0, reached)


def windows(dtype, channels):
    """All windows of four values out of four, in a row of odd width, for every channel."""
    values = torch.tensor(list(product([-1.0, 0.0, 1.0, 2.0], repeat=4)), dtype=dtype)
    image = values.reshape(256, 2, 2).permute(1, 0, 2).reshape(1, 1, 2, 512)
    return F.pad(image, (0, 1)).expand(1, channels, 2, 513)


@pytest.mark.parametrize("place", FORMATS)
@pytest.mark.parametrize("channels", [3, 16])
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_of_equal_values_of_a_window_the_first_wins(dtype, channels, place):
    x = FORMATS[place](windows(dtype, channels))
    dy = draw((1, channels, 1, 256), 1).to(dtype)
    assert_is(gradient(pooled, x, dy), pool_of(x, dy)[1])


@pytest.mark.parametrize("place", FORMATS)
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_ties_of_a_batch_in_training_go_to_the_first_as_well(dtype, place):
    """A third of the values are equal, so that most windows have a tie."""
    x = FORMATS[place](draw((6, 5, 8, 9), 0).round().to(dtype))
    kind = torch.float64 if dtype is torch.float64 else torch.float32
    weight, bias = (draw(5, 2).abs() + 0.5).to(kind), (draw(5, 3).abs() + 3).to(kind)  # all of them alive
    case = Case("pool", x, draw((6, 5, 4, 4), 1).to(dtype), None, weight, bias, None, None)
    rounding = max(1e-13, 4 * torch.finfo(dtype).eps)
    expected = oracle(case)["dx"].astype(np.float64)
    np.testing.assert_allclose(tensors(case)["dx"].double().numpy(), expected, rtol=rounding, atol=rounding)


@pytest.mark.parametrize("place", FORMATS)
@pytest.mark.parametrize("channels", [3, 16])
def test_a_nan_wins_its_window_and_the_last_of_several_gets_the_gradient(channels, place):
    nan = float("nan")
    values = torch.tensor(list(product([-1.0, 1.0, nan], repeat=4)))
    x = FORMATS[place](values.reshape(81, 2, 2).permute(1, 0, 2).reshape(1, 1, 2, 162).expand(1, channels, 2, 162))
    dy = draw((1, channels, 1, 81), 1).float()
    y, dx = pool_of(x, dy)
    assert_is(pooled(x), y)
    assert_is(gradient(pooled, x, dy), dx)
