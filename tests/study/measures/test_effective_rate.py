"""Which weights turn by lr / length**2 alone, and is that what SGD does to them?"""

import math

import pytest
import torch
from torch import Tensor, nn

from batchnorm.models import PlainNet, resnet20
from batchnorm.study.measures import (
    effective_rate,
    lengths,
    mean_length,
    scale_invariant_weights,
    set_lengths,
)


@pytest.fixture
def images() -> Tensor:
    return torch.randn(16, 1, 8, 8, generator=torch.Generator().manual_seed(0))


def test_of_a_net_with_batch_norm_all_convolutions_are_scale_invariant(images: Tensor) -> None:
    found = scale_invariant_weights(PlainNet(depth=3, width=4, image_size=8), images)
    assert [*found] == ["conv1.weight", "conv2.weight", "conv3.weight"]


def test_of_a_net_without_norms_no_weight_is(images: Tensor) -> None:
    assert scale_invariant_weights(PlainNet(depth=3, width=4, image_size=8, norm="none"), images) == {}


def test_what_no_norm_follows_is_not_among_them(images: Tensor) -> None:
    found = scale_invariant_weights(resnet20(image_size=8), images)
    assert "fc.weight" not in found
    assert len(found) >= 19


def test_to_look_changes_neither_weights_nor_statistics(images: Tensor) -> None:
    net = PlainNet(depth=3, width=4, image_size=8)
    before = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    scale_invariant_weights(net, images)
    assert net.training
    assert all(torch.equal(tensor, before[name]) for name, tensor in net.state_dict().items())


def test_the_mean_length_is_geometric_and_missing_without_weights() -> None:
    weights = {name: nn.Parameter(torch.full((4,), value)) for name, value in (("a", 1.0), ("b", 8.0))}
    assert mean_length(weights) == pytest.approx(math.sqrt(2 * 16), rel=1e-12)
    assert effective_rate(0.3, weights) == pytest.approx(0.3 / 32, rel=1e-12)
    assert math.isnan(effective_rate(0.3, {}))


def test_two_nets_of_the_same_effective_rate_turn_their_weights_alike() -> None:
    """A weight that is c times as long and learns at c**2 times the rate takes the same step, c times as long."""
    torch.manual_seed(0)
    x, y = torch.randn(64, 5, dtype=torch.float64), torch.randn(64, 3, dtype=torch.float64)
    start = torch.randn(3, 5, dtype=torch.float64)
    ends = []
    for factor in (1.0, 4.0):
        layer = nn.Linear(5, 3, bias=False).double()
        norm = nn.BatchNorm1d(3, eps=1e-14).double()
        with torch.no_grad():
            layer.weight.copy_(factor * start)
        optimizer = torch.optim.SGD(layer.parameters(), lr=0.1 * factor**2)
        for _ in range(5):
            optimizer.zero_grad()
            (norm(layer(x)) - y).square().mean().backward()
            optimizer.step()
        ends.append(layer.weight.detach() / factor)
    torch.testing.assert_close(ends[0], ends[1], rtol=1e-10, atol=1e-12)


def test_set_lengths_keeps_the_direction() -> None:
    weight = nn.Parameter(torch.tensor([[3.0, -4.0]], dtype=torch.float64))
    set_lengths({"w": weight}, {"w": 1.0})
    assert lengths({"w": weight})["w"] == pytest.approx(1.0, rel=1e-12)
    torch.testing.assert_close(weight.detach(), torch.tensor([[0.6, -0.8]], dtype=torch.float64))
