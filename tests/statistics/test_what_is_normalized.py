"""Norms of somebody's own class: their statistics are the moments of what they normalize."""

import copy

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from batchnorm import recalibrate

from .own_norms import CHANNELS, METHODS, Doubled, Frozen, Net, Turned, Written, check, tokens


class Flat(nn.BatchNorm1d):
    """The same by an operator of its own."""

    def forward(self, x):
        flat = x.reshape(-1, x.shape[-1])
        state = (self.running_mean, self.running_var, self.weight, self.bias, self.training, self.momentum, self.eps)
        return F.batch_norm(flat, *state).reshape(x.shape)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("kind", [Turned, Flat, Written])
def test_channels_that_lie_elsewhere(kind, method):
    model, x = Net(kind), tokens()
    record = recalibrate(model, x.split(5), method=method)
    check(model.norm, model.into(x).reshape(-1, CHANNELS))
    assert [norm.name for norm in record.norms] == ["norm", "last"]


@pytest.mark.parametrize("method", METHODS)
def test_what_a_norm_makes_of_its_input_before_it_normalizes_it(method):
    model, x = Net(Doubled), tokens()
    recalibrate(model, x.split(5), method=method)
    check(model.norm, 2 * model.into(x).reshape(-1, CHANNELS))


@pytest.mark.parametrize("method", METHODS)
def test_as_many_positions_as_channels(method):
    model, x = Net(Turned), tokens()[:, :CHANNELS]
    recalibrate(model, x.split(5), method=method)
    check(model.norm, model.into(x).reshape(-1, CHANNELS))


def test_a_frozen_norm_with_the_channels_last_is_written_if_asked_for():
    model, x = Net(Frozen), tokens()
    assert recalibrate(model, x.split(5)).skipped == {"norm": "frozen: a Frozen never moves its statistics"}
    recalibrate(model, x.split(5), include_frozen=True)
    check(model.norm, model.into(x).reshape(-1, CHANNELS))


class Twice(nn.BatchNorm1d):
    """Normalizes two things in a call."""

    def forward(self, x):
        x = x.transpose(1, 2)
        return (super().forward(x) + super().forward(2 * x)).transpose(1, 2)


class Ghost(nn.BatchNorm1d):
    """Normalizes a batch in parts, of which a short one has fewer."""

    def forward(self, x):
        state = (self.running_mean, self.running_var, self.weight, self.bias, self.training, self.momentum, self.eps)
        parts = [F.batch_norm(part.transpose(1, 2), *state) for part in x.split(2)]
        return torch.cat(parts).transpose(1, 2)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(("kind", "times"), [(Twice, (1, 2)), (Ghost, (1,))])
def test_all_that_a_norm_normalizes_in_a_call_counts(kind, times, method):
    model, x = Net(kind), tokens()
    recalibrate(model, x.split(5), method=method)
    rows = model.into(x).reshape(-1, CHANNELS)
    check(model.norm, torch.cat([time * rows for time in times]))


def test_behind_a_norm_of_parts_average_takes_what_each_part_s_own_moments_give():
    model, x = Net(Ghost), tokens()
    recalibrate(model, x.split(5))
    double = copy.deepcopy(model).double()
    parts = [double.into(part.double()) for batch in x.split(5) for part in batch.split(2)]
    normalized = [
        (part - part.mean((0, 1))) / (part.var((0, 1), correction=0) + model.norm.eps).sqrt() for part in parts
    ]
    check(model.last, double.on(torch.cat(normalized)).mean(1))


class Exchanging(nn.BatchNorm1d):
    """Puts new statistics in the place of the old ones, as some synchronized norms do."""

    def forward(self, x):
        if self.training:
            var, mean = torch.var_mean(x, 0)
            self.running_mean = torch.lerp(self.running_mean, mean.detach(), self.momentum)
            self.running_var = torch.lerp(self.running_var, var.detach(), self.momentum)
            return F.batch_norm(x, None, None, self.weight, self.bias, training=True)
        return super().forward(x)


@pytest.mark.parametrize("times", [1, 2])
@pytest.mark.parametrize("method", METHODS)
def test_a_norm_that_exchanges_its_statistics_in_training_is_not_frozen(method, times):
    norm, x = Exchanging(5), torch.randn(23, 5)
    recalibrate(nn.Sequential(*[norm] * times), x.split(6), method=method)
    if times == 1:
        check(norm, x)
    assert not torch.equal(norm.running_var, torch.ones(5))


class Activated(Written):
    """Scales by parameters of other names, and does something more with the result."""

    def __init__(self, channels):
        super().__init__(channels)
        self.gamma = nn.Parameter(torch.full((channels,), 1.5))

    def forward(self, x):
        return F.leaky_relu(super().forward(x) * self.gamma) + 1


@pytest.mark.parametrize("method", METHODS)
def test_what_a_norm_makes_of_the_result_does_not_matter(method):
    model, x = Net(Activated), tokens()
    recalibrate(model, x.split(5), method=method)
    check(model.norm, model.into(x).reshape(-1, CHANNELS))
