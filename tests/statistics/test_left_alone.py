"""Norms of which nobody knows what they normalize are left alone, with the reason."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from batchnorm import recalibrate
from batchnorm.nn import BatchNormAdd2d
from batchnorm.norms import find_norms, habits_of
from batchnorm.transaction import transaction

from .own_norms import CHANNELS, METHODS, Doubled, Net, Turned, Written, tokens


class Odd(Written):
    """Stores the moments of something that it does not normalize."""

    def forward(self, x):
        if self.training:
            self.running_mean.copy_(x.square().mean((0, 1)).detach())
        return super().forward(x) + 1


def test_a_norm_that_does_something_unknown_is_left_alone_with_the_reason():
    model = Net(Odd)
    record = recalibrate(model, tokens().split(5))
    assert torch.equal(model.norm.running_mean, torch.zeros(CHANNELS))
    assert "Odd" in record.skipped["norm"]


class Narrow(nn.BatchNorm1d):
    """Normalizes by as many of its statistics as there are channels, as slimmable nets do."""

    def __init__(self, channels):
        super().__init__(2 * channels)

    def forward(self, x):
        state = (part[: x.shape[-1]] for part in (self.running_mean, self.running_var, self.weight, self.bias))
        return F.batch_norm(x.transpose(1, 2), *state, self.training, self.momentum, self.eps).transpose(1, 2)


class Copying(nn.BatchNorm1d):
    """Normalizes by a copy of its statistics."""

    def forward(self, x):
        x = x.transpose(1, 2)
        if self.training:
            return super().forward(x).transpose(1, 2)
        return F.batch_norm(x, self.running_mean.clone(), self.running_var.clone()).transpose(1, 2)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        (Narrow, "not hold one mean and one variance for each channel that it normalizes"),
        (Copying, "by a copy of its statistics"),
    ],
)
def test_a_norm_that_normalizes_by_other_statistics_than_those_it_holds_is_left_alone(kind, reason, method):
    record = recalibrate(Net(kind), tokens().split(5), method=method)
    assert reason in record.skipped["norm"]
    assert [norm.name for norm in record.norms] == ["last"]


class Collating(nn.BatchNorm1d):
    """Makes other statistics of those of its training, as ghost norms do that keep one pair for each part."""

    def train(self, mode=True):
        if self.training and not mode:
            self.running_mean, self.running_var = self.running_mean.clone(), self.running_var.clone()
        return super().train(mode)


def test_a_norm_that_exchanges_its_statistics_for_evaluation_is_left_alone_with_the_reason():
    model = nn.Sequential(Collating(CHANNELS), nn.BatchNorm1d(CHANNELS))
    record = recalibrate(model, torch.randn(20, CHANNELS, 5).split(5))
    assert "own train() exchanges them" in record.skipped["0"]


class Domains(nn.Module):
    """A norm for each domain."""

    def __init__(self, norm):
        super().__init__()
        self.norms = nn.ModuleList([nn.BatchNorm1d(CHANNELS), norm(CHANNELS)])

    def forward(self, x, domain):
        return self.norms[domain](x)


@pytest.mark.parametrize("method", METHODS)
def test_a_norm_of_somebody_s_own_that_the_first_batch_does_not_call_is_left_alone_with_the_reason(method):
    parts = torch.randn(20, CHANNELS, CHANNELS).split(5)
    given = [(part, number % 2) for number, part in enumerate(parts)]
    record = recalibrate(Domains(Doubled), given, method=method)
    assert "it was not called with the first batch" in record.skipped["norms.1"]
    assert [norm.name for norm in record.norms] == ["norms.0"]


class Debiased(Written):
    """Evaluates by its statistics divided by what they lack, as moving averages that begin with zeros are."""

    def forward(self, x):
        if self.training:
            return super().forward(x)
        return (x - self.running_mean / 0.9) / (self.running_var / 0.9 + self.eps).sqrt()


class Other(Written):
    """Evaluates something else of its input."""

    def forward(self, x):
        return super().forward(x if self.training else x.relu())


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("kind", [Debiased, Other])
def test_a_norm_that_evaluates_otherwise_than_by_its_statistics_is_left_alone(kind, method):
    record = recalibrate(Net(kind), tokens().split(5), method=method)
    assert kind.__name__ in record.skipped["norm"]


def test_a_norm_under_vmap_is_left_alone_with_the_reason():
    class Ensemble(nn.Module):
        def __init__(self):
            super().__init__()
            self.before, self.member = nn.BatchNorm1d(5), nn.BatchNorm1d(5)

        def forward(self, x):
            return torch.func.vmap(self.member)(torch.stack([self.before(x), x]))

    for method in METHODS:
        record = recalibrate(Ensemble(), torch.randn(20, 5).split(5), method=method)
        assert "transform of torch.func" in record.skipped["member"]
        assert [norm.name for norm in record.norms] == ["before"]


def test_statistics_of_somebody_else_are_refused():
    model = Net(Turned)
    other = {name: buffer + 1 for name, buffer in model.named_buffers() if buffer.is_floating_point()}
    before = model.last.running_mean.clone()
    with pytest.raises(
        ValueError, match=r"none that may be changed \(norm: it is called with running statistics that are not its own"
    ):
        recalibrate(model, tokens().split(5), forward_fn=lambda net, x: torch.func.functional_call(net, other, (x,)))
    assert torch.equal(model.last.running_mean, before)


def test_without_a_batch_on_a_rank_norms_are_called_by_themselves_and_those_of_one_s_own_left_alone():
    model = nn.Sequential(BatchNormAdd2d(CHANNELS), nn.BatchNorm1d(CHANNELS, momentum=0.0), Turned(CHANNELS))
    with transaction(model) as change:
        (moving, still, own), notes = habits_of(change, find_norms(model), None, alone=False)
    assert (moving.still, moving.unknown, notes) == (None, None, ())
    assert "momentum = 0.0" in still.still
    assert "or one process has none" in own.unknown


def test_where_all_that_are_called_are_left_alone_the_error_says_why():
    class Uncalled(Net):
        def forward(self, x):
            return self.norm(self.into(x))

    with pytest.raises(ValueError, match=r"calls none of the 1 .*; others are left unchanged \(norm: what a Odd"):
        recalibrate(Uncalled(Odd), tokens().split(5))
