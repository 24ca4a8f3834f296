"""Means far from zero, constant channels, half precision, and merges over any split."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from batchnorm import recalibrate

from .oracle import errors, images, moments, norms

METHODS = ("average", "exact")


def net(dtype=torch.float32):
    torch.manual_seed(0)
    model = nn.Sequential(nn.BatchNorm2d(3), nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4))
    return model.to(dtype)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("batch_size", [1, 7, 30])
def test_a_mean_of_10000(method, batch_size):
    model, x = net(), 10_000 + torch.randn(30, 3, 8, 8)
    mean, var = moments(x, 1)
    recalibrate(model, x.split(batch_size), method=method)
    # To the last bit of float32: half of 2**-10 at 10,000.
    assert np.abs(model[0].running_mean.double().numpy() - mean).max() <= 2**-11
    assert np.abs(np.log(model[0].running_var.double().numpy() / var)).max() <= 1e-6


@pytest.mark.parametrize("method", METHODS)
def test_a_mean_of_10000_settles_as_well_as_float32_can_store_it(method):
    model, x = net(), 10_000 + torch.randn(30, 3, 8, 8)
    record = recalibrate(model, x.split(7), method=method, certify=True)
    assert record.norms[0].residual_mean > 1e-4
    assert record.certificate.settled == (2 if method == "exact" else record.certificate.settled)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("value", [0.0, -3.5, 10_000.0])
def test_a_constant_channel(method, value):
    model, x = net(), torch.randn(30, 3, 8, 8)
    x[:, 1] = value
    record = recalibrate(model, x.split(7), method=method, certify=True)
    assert model[0].running_mean[1] == value
    assert model[0].running_var[1] == 0
    assert record.norms[0].residual_mean < 1e-5
    assert record.norms[0].standard_error[1] == 0


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
@pytest.mark.parametrize("method", METHODS)
def test_a_model_in_half_precision_stores_the_rounded_moments(method, dtype):
    model, x = net(dtype), (1 + 2 * torch.randn(30, 3, 8, 8)).to(dtype)
    mean, var = moments(x, 1)
    record = recalibrate(model, x.split(7), method=method)
    assert torch.equal(model[0].running_mean, torch.from_numpy(mean).to(dtype))
    assert torch.equal(model[0].running_var, torch.from_numpy(var).to(dtype))
    assert record.dtype == str(dtype).removeprefix("torch.")
    if method == "exact":
        assert record.certificate.settled == 2


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_norms_in_float32_within_a_model_in_half_precision(dtype):
    class Wide(nn.BatchNorm2d):
        def forward(self, x):
            return super().forward(x.float()).to(x.dtype)

    model = nn.Sequential(nn.Conv2d(1, 3, 3).to(dtype), Wide(3))
    x = images().to(dtype)
    expected = moments(model[0](x), 1)
    record = recalibrate(model, x.split(7), method="exact")
    assert max(errors(model, {"1": expected})) <= 1e-6
    assert record.dtype == "float32"


@pytest.mark.parametrize("method", METHODS)
def test_a_variance_that_float16_cannot_hold(method):
    model = net(torch.float16)
    x = (1000 * torch.randn(30, 3, 8, 8)).half()
    with pytest.raises(
        ValueError, match=r"moments that float16 can hold in the input of 0, got larger ones in batch 1\."
    ):
        recalibrate(model, x.split(7), method=method)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(data=st.data())
def test_statistics_are_exact_for_any_split_of_the_data(data):
    samples = data.draw(st.integers(2, 24))
    cuts = sorted(data.draw(st.sets(st.integers(1, samples - 1))))
    offset = data.draw(st.sampled_from([0.0, 1.0, 10_000.0]))
    scale = data.draw(st.sampled_from([1e-3, 1.0, 1e3]))
    x = offset + scale * torch.randn(samples, 3, 2, generator=torch.Generator().manual_seed(samples)).double()
    x[:, 2] = offset
    batches = [x[a:b] for a, b in zip([0, *cuts], [*cuts, samples], strict=True)]
    model = nn.Sequential(nn.BatchNorm1d(3)).double()
    mean, var = moments(x, 1)
    recalibrate(model, batches, method="exact")
    norm = norms(model)["0"]
    np.testing.assert_allclose(norm.running_mean.numpy(), mean, rtol=1e-13, atol=1e-13 * scale)
    # So much of a deviation from the mean is lost to the rounding of the mean; the order of the sum is the processor's.
    rounding = torch.finfo(torch.float64).eps * offset / scale
    np.testing.assert_allclose(norm.running_var.numpy(), var, rtol=max(1e-12, 4 * rounding), atol=1e-20)
