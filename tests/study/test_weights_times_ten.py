"""Weights that a norm follows may be ten times as large: outputs stay, and the gradient is a tenth.

Source: van Laarhoven, 2017, arXiv:1706.05350.
"""

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from batchnorm.nn import BatchNorm1d, BatchNorm2d

EPS = 1e-3
X = {
    "linear": torch.randn(16, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(1)),
    "convolution": torch.randn(8, 4, 6, 6, dtype=torch.float64, generator=torch.Generator().manual_seed(1)),
}


def outputs_and_gradient(kind: str, scale: float, eps: float) -> tuple[Tensor, Tensor]:
    torch.manual_seed(2)
    layer = nn.Linear(4, 5) if kind == "linear" else nn.Conv2d(4, 5, 3)
    norm = (BatchNorm1d if kind == "linear" else BatchNorm2d)(5, eps=eps)
    net = nn.Sequential(layer, norm, nn.Tanh()).double()
    with torch.no_grad():
        layer.weight.mul_(scale)
    outputs = net(X[kind])
    loss = F.mse_loss(outputs, torch.sin(torch.arange(outputs.numel(), dtype=torch.float64)).view_as(outputs))
    return outputs.detach(), torch.autograd.grad(loss, layer.weight)[0]


@pytest.mark.parametrize("kind", X)
def test_outputs_stay_and_the_gradient_is_a_tenth(kind: str) -> None:
    """Exactly so where eps grows with the variance: `(10 h) / sqrt(100 var + eps) = h / sqrt(var + eps / 100)`."""
    outputs, gradient = outputs_and_gradient(kind, 1.0, EPS / 100)
    scaled_outputs, scaled_gradient = outputs_and_gradient(kind, 10.0, EPS)
    torch.testing.assert_close(scaled_outputs, outputs, rtol=1e-10, atol=1e-12)
    torch.testing.assert_close(scaled_gradient, gradient / 10, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("kind", X)
def test_with_the_same_eps_outputs_differ_by_what_eps_is_of_the_variance(kind: str) -> None:
    outputs, _ = outputs_and_gradient(kind, 1.0, EPS)
    scaled, _ = outputs_and_gradient(kind, 10.0, EPS)
    assert 0 < float((scaled - outputs).abs().max()) < 10 * EPS
