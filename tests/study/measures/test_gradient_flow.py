"""Gradients by layer, against gradients that are computed by hand, and the factor by which theory lets them explode."""

import math

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from batchnorm.models import ResNet
from batchnorm.study import Run, Scope
from batchnorm.study.claims import CLAIMS
from batchnorm.study.measures import EXPLOSION, gradient_by_layer, gradient_range, growth_per_layer

IMAGES = torch.randn(6, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
LABELS = torch.arange(6) % 3


def chain() -> nn.Sequential:
    torch.manual_seed(2)
    return nn.Sequential(nn.Linear(4, 5), nn.Tanh(), nn.Linear(5, 5), nn.Tanh(), nn.Linear(5, 3)).double()


def test_deep_relu_nets_with_batch_norm_explode_by_the_factor_of_the_theory() -> None:
    claim = next(claim for claim in CLAIMS if claim.id == "gradient-flow")
    arm = claim.arm("dense ReLU, 20 layers, batch norm")
    run = Run(claim.id, arm.name, arm.options, 0, Scope(1, 512, 1, test_images=10), "fashion-mnist-mini")
    measured = claim.measure(run)
    assert not isinstance(measured, dict)
    assert measured.values["growth per layer"] == pytest.approx(EXPLOSION, abs=0.02)


def test_the_factor_of_the_theory_follows_from_moments_of_a_rectified_normal_variable() -> None:
    z = torch.linspace(-12, 12, 240_001, dtype=torch.float64)
    weights = torch.exp(-z.square() / 2) / math.sqrt(2 * math.pi) * (z[1] - z[0])
    rectified = z.relu()
    variance = (weights * rectified.square()).sum() - (weights * rectified).sum().square()
    assert pytest.approx(math.sqrt(0.5 / variance), rel=1e-6) == EXPLOSION


def test_the_gradient_of_a_hidden_layers_input_is_that_of_the_formula() -> None:
    net = chain()
    first, _, second, _, third = net
    hidden = torch.tanh(IMAGES @ first.weight.T + first.bias)
    above = torch.tanh(hidden @ second.weight.T + second.bias)
    of_logits = (torch.softmax(above @ third.weight.T + third.bias, 1) - F.one_hot(LABELS, 3)) / len(LABELS)
    expected = ((of_logits @ third.weight) * (1 - above.square())) @ second.weight
    assert gradient_by_layer(net, IMAGES, LABELS) == pytest.approx([float(expected.detach().norm())], rel=1e-12)


def test_an_input_that_goes_two_ways_has_the_gradient_of_both() -> None:
    class Skipping(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.second, self.third = chain()[::2]

        def forward(self, x: Tensor) -> Tensor:
            x = self.first(x)
            out: Tensor = self.third(x + self.second(x))
            return out

    net = Skipping()
    hidden = net.first(IMAGES).detach().requires_grad_()
    F.cross_entropy(net.third(hidden + net.second(hidden)), LABELS).backward()
    assert hidden.grad is not None
    assert gradient_by_layer(net, IMAGES, LABELS) == pytest.approx([float(hidden.grad.norm())], rel=1e-12)


def test_a_net_that_was_looked_at_is_as_before() -> None:
    net = ResNet(stages=2, blocks=1, width=4).eval()
    before = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    gradient_by_layer(net, torch.randn(4, 1, 8, 8), torch.arange(4))
    assert not net.training
    assert all(torch.equal(tensor, before[name]) for name, tensor in net.state_dict().items())
    assert all(parameter.grad is None for parameter in net.parameters())


def test_gradients_of_a_power_grow_by_its_base() -> None:
    gradients = [1.2**-layer for layer in range(30)]
    assert growth_per_layer(gradients) == pytest.approx(1.2, rel=1e-12)
    assert gradient_range(gradients) == pytest.approx(29 * math.log10(1.2), rel=1e-12)


@pytest.mark.parametrize("gradients", [[1.0], [1.0, 0.0], [1.0, math.nan], [1.0, math.inf]], ids=str)
def test_without_two_positive_finite_gradients_there_is_no_number(gradients: list[float]) -> None:
    assert math.isnan(growth_per_layer(gradients))
    assert math.isnan(gradient_range(gradients))
