"""The sources of moments on a GPU: the numbers of the definition in float64, whatever computes them."""

import pytest
import torch

import batchnorm.nn as bn

TOLERANCE = {torch.float64: 1e-10, torch.float32: 1e-5, torch.bfloat16: 5e-2}
SOURCES = ["ghost:4", "renorm:1.5,0.5,0", "renorm", "masked", "population", "population:none", "blend:0.3"]


def step(source, x, mask, *, training, route, device, dtype):
    """One forward and backward of a layer: what came out, in float64 on the CPU."""
    layer = bn.BatchNorm2d(x.shape[1], activation="silu", moments=source, route=route).to(device)
    with torch.no_grad():
        layer.running_mean.add_(0.2)
        layer.running_var.mul_(1.5)
    layer = (layer.double() if dtype is torch.float64 else layer).train(training)
    x = x.to(device, dtype).requires_grad_()
    y = layer(x, mask.to(device)) if source == "masked" else layer(x)
    y.backward(torch.linspace(-1, 1, y.numel(), dtype=torch.float64).reshape(y.shape).to(y))
    kept = [layer.running_mean, layer.running_var, layer.weight.grad, layer.bias.grad]
    return [value.detach().double().cpu() for value in (y, x.grad, *kept)]


@pytest.mark.parametrize("training", [True, False], ids=["training", "evaluation"])
@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last], ids=str)
@pytest.mark.parametrize("route", ["auto", "composed", "native"])
@pytest.mark.parametrize("dtype", TOLERANCE, ids=str)
@pytest.mark.parametrize("source", SOURCES)
def test_a_step_is_that_of_the_definition_in_float64(gpu, source, dtype, route, layout, training):
    generator = torch.Generator().manual_seed(1)
    x = (torch.randn(10, 6, 5, 4, generator=generator) * 2 + 1).to(dtype).to(memory_format=layout)
    mask = torch.rand(10, 5, 4, generator=generator) > 0.3
    found = step(source, x, mask, training=training, route=route, device=gpu, dtype=dtype)
    exact = step(source, x, mask, training=training, route="composed", device="cpu", dtype=torch.float64)
    for value, expected in zip(found, exact, strict=True):
        scale = max(1.0, float(expected.abs().max()))
        torch.testing.assert_close(value, expected, rtol=0, atol=TOLERANCE[dtype] * scale)
