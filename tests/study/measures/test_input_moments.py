"""Moments of layers' inputs and how far they drift, against numpy and a formula."""

import math

import numpy as np
import pytest
import torch
from torch import nn

from batchnorm.study.measures import InputMoments, input_drift, input_moments

GENERATOR = torch.Generator().manual_seed(1)


def moments(channels: int) -> InputMoments:
    return InputMoments(
        torch.randn(channels, dtype=torch.float64, generator=GENERATOR),
        torch.rand(channels, dtype=torch.float64, generator=GENERATOR),
    )


def test_moments_are_those_of_each_channel_over_images_and_pixels() -> None:
    net = nn.Sequential(nn.Conv2d(1, 3, 3), nn.Conv2d(3, 2, 3))
    images = torch.randn(5, 1, 8, 8, generator=GENERATOR)
    found = input_moments(net, images)
    values = net[0](images).detach().numpy().astype(np.float64)
    assert len(found) == 1
    assert found[0].mean.numpy() == pytest.approx(values.mean((0, 2, 3)), rel=1e-9)
    assert found[0].std.numpy() == pytest.approx(values.std((0, 2, 3)), rel=1e-9)


def test_drift_is_the_distance_of_normal_distributions_in_units_of_their_spread() -> None:
    before, after = moments(4), moments(4)
    pairs = [*zip(*before, *after, strict=True)]
    squares = sum((m2 - m1) ** 2 + (s2 - s1) ** 2 for m1, s1, m2, s2 in pairs)
    spread = sum((s1**2 + s2**2) / 2 for _, s1, _, s2 in pairs)
    assert input_drift(before, after) == pytest.approx(math.sqrt(squares / spread), rel=1e-12)


def test_drift_does_not_depend_on_the_scale_of_the_inputs() -> None:
    before, after = moments(4), moments(4)
    larger = [InputMoments(7 * given.mean, 7 * given.std) for given in (before, after)]
    assert input_drift(*larger) == pytest.approx(input_drift(before, after), rel=1e-12)


def test_the_channels_of_a_linear_layer_are_the_last_of_its_input() -> None:
    net = nn.Sequential(nn.Linear(2, 3), nn.Linear(3, 1))
    tokens = torch.randn(5, 7, 2, generator=GENERATOR)
    values = net[0](tokens).detach().numpy().astype(np.float64)
    assert input_moments(net, tokens)[0].mean.numpy() == pytest.approx(values.mean((0, 1)), rel=1e-9)


def test_layers_that_are_called_by_keyword_are_heard_as_well() -> None:
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.second = nn.Linear(2, 3), nn.Linear(3, 1)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            out: torch.Tensor = self.second(input=self.first(input=x))
            return out

    assert [len(found.mean) for found in input_moments(Net(), torch.ones(4, 2))] == [3]
