"""Dropout in front of a norm: the variance in training over that in evaluation, by the formula and as measured."""

import numpy as np
import pytest
import torch
from torch import nn

from batchnorm.nn import BatchNorm2d
from batchnorm.study.measures import drop_in_front_of_norms, predicted_shift, variance_shifts

P = 0.3


def values(count: int, mean: float) -> torch.Tensor:
    """Images of two channels of standard deviation 1 and 3, with the mean of both."""
    drawn = torch.randn(count, 2, 16, 16, generator=torch.Generator().manual_seed(1))
    return mean + drawn * torch.tensor([1.0, 3.0]).view(1, 2, 1, 1)


@pytest.mark.parametrize("mean", [0.0, 2.0])
@pytest.mark.parametrize("p", [0.1, 0.5, 0.7])
def test_the_formula_is_the_variance_of_the_two_values_that_dropout_makes_of_each(mean: float, p: float) -> None:
    """Of each value x it makes x / (1 - p), with that probability, or 0: enumerated in float64."""
    x = values(50, mean)[:, 1].double().flatten().numpy()
    of_both = np.concatenate([x / (1 - p), np.zeros_like(x)])
    weights = np.concatenate([np.full_like(x, 1 - p), np.full_like(x, p)])
    center = np.average(of_both, weights=weights)
    expected = np.average((of_both - center) ** 2, weights=weights) / x.var()
    found = predicted_shift(torch.tensor(x.mean()), torch.tensor(x.var()), p)
    assert found.item() == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("mean", [0.0, 2.0])
def test_the_shift_that_is_measured_is_within_two_percent_of_the_formula(mean: float) -> None:
    (shift,) = variance_shifts(nn.Sequential(BatchNorm2d(2)), [values(100, mean)], P)
    expected = np.exp(np.mean([np.log(1 + P / (1 - P) * (1 + (mean / std) ** 2)) for std in (1, 3)]))
    assert shift.measured == pytest.approx(expected, rel=0.02)
    assert shift.predicted == pytest.approx(expected, rel=0.02)


def test_a_norm_that_was_trained_behind_dropout_has_stored_the_shifted_variance() -> None:
    net = nn.Sequential(BatchNorm2d(2, momentum=None)).train()
    drop_in_front_of_norms(net, P)
    for batch in values(100, 0.0).split(20):
        net(batch)
    (shift,) = variance_shifts(net, [values(100, 0.0)], 0.5)
    assert shift.stored == pytest.approx(1 / (1 - P), rel=0.02)
    assert shift.measured == pytest.approx(2, rel=0.02)


def test_nothing_of_the_net_and_no_random_state_moves() -> None:
    net = nn.Sequential(nn.Conv2d(2, 3, 3), BatchNorm2d(3), nn.Dropout(0.5)).train()
    before = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    state = torch.get_rng_state()
    variance_shifts(net, [values(4, 0.0)], P)
    assert net.training
    assert torch.equal(torch.get_rng_state(), state)
    assert not any(module._forward_pre_hooks for module in net.modules())
    for name, tensor in net.state_dict().items():
        assert torch.equal(tensor, before[name])


def test_every_norm_is_measured_with_dropout_in_front_of_it_alone() -> None:
    """The second norm meets what the first gave it without dropout: here nearly the same values."""
    net = nn.Sequential(BatchNorm2d(2), BatchNorm2d(2))
    x = values(50, 2.0)
    first, second = variance_shifts(net, [x], P)
    expected = np.exp(np.mean([np.log(1 + P / (1 - P) * (1 + (2 / std) ** 2)) for std in (1, 3)]))
    assert first.measured == pytest.approx(expected, rel=0.02)
    assert second.measured == pytest.approx(expected, rel=0.02)


def test_a_channel_without_variance_has_no_part_in_the_mean() -> None:
    x = torch.cat([values(50, 0.0)[:, :1], torch.ones(50, 1, 16, 16)], 1)
    (shift,) = variance_shifts(nn.Sequential(BatchNorm2d(2)), [x], P)
    assert shift.predicted == pytest.approx(1 / (1 - P), rel=0.01)
