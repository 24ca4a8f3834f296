"""Are the statistics of a net that trains by the population's as young as they are to be?"""

import pytest
import torch
from torch import nn

from batchnorm.errors import InputError
from batchnorm.nn import BatchNorm1d
from batchnorm.study.measures import Population, by_batch, by_measured


@pytest.fixture
def net() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(3, 4), BatchNorm1d(4, moments="population"), nn.Linear(4, 2)).double()


@pytest.fixture
def images() -> torch.Tensor:
    return torch.randn(40, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(1))


def test_statistics_follow_the_weights_at_every_measurement_and_not_between(
    net: nn.Sequential, images: torch.Tensor
) -> None:
    population = Population(net, [images], every=2)
    first = net[1].running_mean.clone()
    with torch.no_grad():
        net[0].weight.mul_(2)
    population.seen(1, 0.0)
    assert torch.equal(net[1].running_mean, first)
    population.seen(2, 0.0)
    torch.testing.assert_close(net[1].running_mean, net[0](images).mean(0))
    torch.testing.assert_close(net[1].running_var, net[0](images).var(0))


def test_a_net_that_is_not_finite_any_more_is_left_alone(net: nn.Sequential, images: torch.Tensor) -> None:
    population = Population(net, [images], every=1)
    with torch.no_grad():
        net[0].weight.fill_(torch.nan)
    before = net[1].running_mean.clone()
    population.seen(1, 0.0)
    assert torch.equal(net[1].running_mean, before)


def test_a_net_that_cannot_be_measured_at_first_is_refused(images: torch.Tensor) -> None:
    with pytest.raises(InputError, match="nothing to recalibrate"):
        Population(nn.Linear(3, 2).double(), [images], every=1)


def test_measured_statistics_are_those_of_a_copy(net: nn.Sequential, images: torch.Tensor) -> None:
    def means(net: nn.Module) -> float:
        return float(net.get_submodule("1").running_mean.sum())

    expected = net[0](images).mean(0).sum().item()
    assert by_measured(net, [images[:20], images[20:]], "exact", means) == pytest.approx(expected, rel=1e-9)
    assert not net[1].running_mean.any()


def test_by_batch_each_batch_is_normalized_by_its_own_moments(net: nn.Sequential, images: torch.Tensor) -> None:
    inner = net[0](images).detach()
    expected = (inner - inner.mean(0)) / torch.sqrt(inner.var(0, unbiased=False) + 1e-5)

    def difference(net: nn.Module) -> float:
        return (net.get_submodule("1")(net.get_submodule("0")(images)) - expected).abs().max().item()

    assert by_batch(net.eval(), difference) < 1e-12
