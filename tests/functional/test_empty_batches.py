"""Batches without values: nothing comes out, nothing moves, and the gradients are zeros, as torch's."""

import pytest
import torch
import torch.nn.functional as F

from batchnorm.functional import batch_norm

SHAPES = [(0, 3), (0, 3, 5), (0, 3, 4, 4), (2, 3, 0, 4)]


def gradients(function, shape, **options):
    x = torch.empty(shape, requires_grad=True)
    weight, bias = torch.ones(3, requires_grad=True), torch.zeros(3, requires_grad=True)
    mean, var = torch.full((3,), 0.5), torch.full((3,), 2.0)
    y = function(x, mean, var, weight, bias, **options)
    y.sum().backward()
    return y.detach(), mean, var, x.grad, weight.grad, bias.grad


@pytest.mark.parametrize("momentum", [0.1, torch.tensor(0.1)], ids=["number", "tensor"])
@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("route", ["composed", "native", "fused"])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_an_empty_batch_is_as_torchs(shape, route, training, momentum):
    ours = gradients(batch_norm, shape, training=training, momentum=momentum, route=route)
    torchs = gradients(F.batch_norm, shape, training=training)
    torch.testing.assert_close(ours, torchs, rtol=0, atol=0)


@pytest.mark.parametrize("route", ["composed", "native", "fused"])
def test_an_empty_batch_without_buffers_is_normalized_to_itself(route):
    y = batch_norm(torch.empty(0, 3, 2), None, None, training=True, route=route)
    assert y.shape == (0, 3, 2)


@pytest.mark.parametrize("buffers", [True, False])
@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("route", ["composed", "native", "fused"])
def test_no_channels_at_all_are_fine(route, training, buffers):
    mean, var = (torch.empty(0), torch.empty(0)) if buffers or not training else (None, None)
    y = batch_norm(torch.empty(2, 0, 5), mean, var, training=training, route=route)
    assert y.shape == (2, 0, 5)
