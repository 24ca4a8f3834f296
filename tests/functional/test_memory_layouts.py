"""Inputs and gradients of any layout: expected values from the contiguous float64 oracle."""

import numpy as np
import pytest
import torch

from batchnorm.functional import batch_norm

from .batch_norm_oracle import batch_norm_oracle

SHAPE = (4, 3, 6, 5)
LAYOUTS = {
    "contiguous": lambda t: t,
    "channels_last": lambda t: t.contiguous(memory_format=torch.channels_last),
    "transposed": lambda t: t.transpose(2, 3).contiguous().transpose(2, 3),
    "every second": lambda t: torch.stack([t, t + 1], dim=-1).flatten(-2)[..., ::2],
    "batch last": lambda t: t.permute(1, 2, 3, 0).contiguous().permute(3, 0, 1, 2),
}
FUSED = ["contiguous", "channels_last"]
"""The layouts of x that the route `fused` has kernels for."""
DY_LAYOUTS = LAYOUTS | {"expanded": lambda t: torch.ones((), dtype=t.dtype).expand(t.shape)}


def make():
    generator = torch.Generator().manual_seed(1)
    x, dy = (torch.randn(SHAPE, generator=generator, dtype=torch.float64) for _ in range(2))
    return x, dy, torch.tensor([0.5, 1.0, -2.0], dtype=torch.float64)


@pytest.mark.parametrize("route", ["composed", "native", "fused"])
@pytest.mark.parametrize("dy_layout", DY_LAYOUTS)
@pytest.mark.parametrize("x_layout", LAYOUTS)
def test_gradients_do_not_depend_on_the_layouts_of_x_and_dy(x_layout, dy_layout, route, refused_if):
    with refused_if(route == "fused" and x_layout not in FUSED, "needs x contiguous or channels_last, got strides"):
        x, dy, weight = make()
        x, dy = LAYOUTS[x_layout](x), DY_LAYOUTS[dy_layout](dy)
        expected = batch_norm_oracle(x, None, None, weight, None, dy, training=True)
        x, weight = x.detach().requires_grad_(), weight.requires_grad_()
        batch_norm(x, None, None, weight, training=True, route=route).backward(dy)
        found = (x.grad.numpy(), weight.grad.numpy())
        np.testing.assert_allclose(found[0], expected.dx, rtol=0, atol=1e-12)
        np.testing.assert_allclose(found[1], expected.dweight, rtol=0, atol=1e-11)


@pytest.mark.parametrize("activation", [None, "relu"])
@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("route", ["composed", "native", "fused"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
def test_channels_last_is_kept(dtype, route, training, activation):
    x = torch.randn(2, 8, 4, 4).to(dtype).contiguous(memory_format=torch.channels_last)
    mean, var = torch.zeros(8), torch.ones(8)
    y = batch_norm(x, mean, var, training=training, activation=activation, route=route)
    assert y.is_contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize("route", ["composed", "native", "fused"])
def test_channels_last_3d_is_kept(route):
    x = torch.randn(2, 8, 4, 4, 4).contiguous(memory_format=torch.channels_last_3d)
    y = batch_norm(x, None, None, training=True, route=route)
    assert y.is_contiguous(memory_format=torch.channels_last_3d)


@pytest.mark.parametrize("route", ["composed", "native", "fused"])
def test_x_itself_is_not_changed(route):
    x = torch.randn(4, 3)
    before = x.clone()
    batch_norm(x, None, None, training=True, activation="relu", route=route)
    assert torch.equal(x, before)
