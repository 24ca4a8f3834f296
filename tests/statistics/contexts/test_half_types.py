"""Statistics that are kept in a half type: what a window gathers, and a mixture by which a norm goes."""

import pytest
import torch
from torch import nn

import batchnorm.nn as bn
from batchnorm.statistics import accumulate_statistics, blended_statistics, skip_nonfinite

NORMS = [nn.BatchNorm1d, bn.BatchNorm1d]


def half(norm, dtype):
    return norm(2).to(dtype)


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_a_variance_that_has_no_number_in_float16_moves_the_statistics_by_its_share(norm, dtype):
    generator = torch.Generator().manual_seed(0)
    batches = [(300 * torch.randn(64, 2, generator=generator)).to(dtype) for _ in range(2)]
    layer = half(norm, dtype)
    with accumulate_statistics(layer, 2), skip_nonfinite(layer):
        for x in batches:
            layer(x)
    together = torch.cat(batches).double()
    assert layer.num_batches_tracked == 1
    torch.testing.assert_close(layer.running_mean, (0.1 * together.mean(0)).to(dtype))
    torch.testing.assert_close(layer.running_var, (0.9 + 0.1 * together.var(0)).to(dtype))


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("mean", [0.0, 100.0])
def test_an_evaluation_by_a_mixture_is_as_exact_as_half_types_are(norm, mean):
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(64, 2, generator=generator).bfloat16()
    layer = half(norm, torch.bfloat16).eval()
    layer.running_mean.fill_(mean)
    before = layer.running_mean.clone()
    with blended_statistics(layer, 0.5), torch.no_grad():
        found = layer(x)
    wide = x.double()
    delta = wide.mean(0) - mean
    var = 0.5 + 0.5 * wide.var(0, correction=0) + 0.25 * delta.square()
    expected = (wide - (mean + 0.5 * delta)) / (var + 1e-5).sqrt()
    torch.testing.assert_close(found.double(), expected, rtol=1e-2, atol=1e-2)
    assert torch.equal(layer.running_mean, before)
