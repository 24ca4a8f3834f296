import numpy as np
import pytest
import torch

from batchnorm.functional import (
    Moments,
    batch_moments,
    batch_norm,
    cumulative_momentum,
    update_running_stats,
)

X = torch.tensor([[0.0], [2.0], [4.0]], dtype=torch.float64)  # mean 2, unbiased variance 4


def updated(x, momentum, dtype=torch.float64, mean=1.0, var=3.0):
    running = torch.full((1,), mean, dtype=dtype), torch.full((1,), var, dtype=dtype)
    update_running_stats(*running, batch_moments(x), momentum)
    return tuple(r.item() for r in running)


@pytest.mark.parametrize("momentum", [0.25, torch.tensor(0.25)], ids=["number", "tensor"])
def test_momentum_weighs_the_new_batch_and_the_variance_is_unbiased(momentum):
    expected = (0.75 * 1 + 0.25 * 2, 0.75 * 3 + 0.25 * 4)
    assert updated(X, momentum) == pytest.approx(expected, abs=1e-15)


@pytest.mark.parametrize("momentum", [0, 0.0, torch.tensor(0.0)], ids=str)
@pytest.mark.parametrize("value", [float("inf"), float("nan")])
def test_momentum_zero_changes_nothing(momentum, value):
    assert updated(X * value, momentum) == (1.0, 3.0)


def test_an_empty_batch_changes_nothing():
    assert updated(X[:0], 0.5) == (1.0, 3.0)


def test_one_value_per_channel_is_refused():
    with pytest.raises(ValueError, match=r"count of 1, expected at least 2.*Moments\.merge"):
        updated(X[:1], 0.5)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16], ids=str)
def test_half_buffers_are_moved_in_float32(dtype):
    # 1 + 0.01 * (2 - 1) rounds once, to the nearest value of the dtype.
    found = updated(X, 0.01, dtype=dtype)[0]
    assert found == torch.tensor(1.01).to(dtype).item()


def test_the_buffers_stay_the_same_objects_and_outside_of_autograd():
    mean, var = torch.zeros(1), torch.ones(1)
    moments = batch_moments(X.float().requires_grad_())
    pointers = mean.data_ptr(), var.data_ptr()
    update_running_stats(mean, var, moments, 0.1)
    assert (mean.data_ptr(), var.data_ptr()) == pointers
    assert not mean.requires_grad


def test_moments_with_a_count_that_is_a_tensor_are_taken():
    mean, var = torch.zeros(1), torch.ones(1)
    update_running_stats(mean, var, Moments(torch.ones(1), torch.ones(1), torch.tensor(2)), 1.0)
    assert (mean.item(), var.item()) == (1.0, 2.0)


def test_cumulative_momentum_makes_a_plain_average():
    batches = torch.randn(5, 8, 2, generator=torch.Generator().manual_seed(0)).double()
    mean, var = torch.zeros(2).double(), torch.ones(2).double()
    for seen, batch in enumerate(batches):
        momentum = cumulative_momentum(torch.tensor(seen), mean)
        update_running_stats(mean, var, batch_moments(batch), momentum)
    torch.testing.assert_close(mean, batches.mean(dim=(0, 1)), rtol=1e-12, atol=1e-14)
    torch.testing.assert_close(var, batches.var(dim=1).mean(0), rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize(
    ("dtype", "expected"),
    [(torch.float64, torch.float64), (torch.bfloat16, torch.float32)],
    ids=str,
)
def test_cumulative_momentum_has_the_buffers_dtype_but_float32_at_least(dtype, expected):
    assert cumulative_momentum(torch.tensor(2), torch.zeros(1, dtype=dtype)).dtype is expected


@pytest.mark.parametrize("momentum", [0.5, torch.tensor(0.5)], ids=["number", "tensor"])
@pytest.mark.parametrize("count", [0, 1])
def test_a_count_of_zero_or_one_that_is_a_tensor_changes_nothing(count, momentum):
    mean, var = torch.full((2,), 1.0), torch.full((2,), 3.0)
    moments = Moments(torch.tensor([7.0, torch.nan]), torch.tensor([0.0, torch.nan]), torch.tensor(count))
    update_running_stats(mean, var, moments, momentum)
    assert (mean.tolist(), var.tolist()) == ([1.0, 1.0], [3.0, 3.0])


@pytest.mark.parametrize("momentum", [0.3, torch.tensor(0.3, dtype=torch.float64)], ids=["number", "tensor"])
def test_a_count_that_is_a_tensor_costs_no_precision(momentum):
    mean, var = torch.full((1,), 1.0).double(), torch.full((1,), 3.0).double()
    update_running_stats(mean, var, batch_moments(X)._replace(count=torch.tensor(3)), momentum)
    assert (mean.item(), var.item()) == pytest.approx((0.7 * 1 + 0.3 * 2, 0.7 * 3 + 0.3 * 4), abs=1e-15)


@pytest.mark.parametrize(("mean", "var", "name"), [(1, 2, "running_mean"), (2, 1, "running_var")])
def test_statistics_of_other_channels_are_an_error_and_unchanged(mean, var, name):
    running = torch.zeros(mean), torch.zeros(var)
    with pytest.raises(ValueError, match=rf"{name} must have the shape of the moments, \(2,\), got \(1,\)\. Take"):
        update_running_stats(*running, batch_moments(torch.eye(2)), 0.5)
    assert not torch.cat(running).any()


@pytest.mark.parametrize("channels", [1, 4])
def test_moments_of_other_channels_are_an_error(channels):
    with pytest.raises(ValueError, match=r"running_mean must have the shape of the moments"):
        update_running_stats(torch.zeros(2), torch.ones(2), batch_moments(torch.ones(3, channels)), 0.5)


@pytest.mark.parametrize("momentum", [np.float32(0.25), np.float64(0.25), np.int64(1)], ids=repr)
@pytest.mark.parametrize("route", ["composed", "native", "fused"])
def test_a_momentum_of_numpy_is_taken_as_a_number(momentum, route):
    mean, var = torch.ones(1).double(), torch.full((1,), 3.0).double()
    batch_norm(X, mean, var, training=True, momentum=momentum, route=route)
    share = float(momentum)
    assert (mean.item(), var.item()) == pytest.approx((1 - share + share * 2, (1 - share) * 3 + share * 4), abs=1e-15)
