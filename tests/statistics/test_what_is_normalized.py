"""Norms of somebody's own class: their statistics are the moments of what they normalize, or they are left alone."""

import copy

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from batchnorm import recalibrate

METHODS = ("average", "exact")
CHANNELS = 4


class Turned(nn.BatchNorm1d):
    """Takes (N, L, C)."""

    def forward(self, x):
        return super().forward(x.transpose(1, 2)).transpose(1, 2)


class Flat(nn.BatchNorm1d):
    """The same by an operator of its own."""

    def forward(self, x):
        flat = x.reshape(-1, x.shape[-1])
        state = (self.running_mean, self.running_var, self.weight, self.bias, self.training, self.momentum, self.eps)
        return F.batch_norm(flat, *state).reshape(x.shape)


class Written(nn.Module):
    """The same by the formula, in no class of torch's, with a momentum of the other meaning."""

    def __init__(self, channels):
        super().__init__()
        self.register_buffer("running_mean", torch.zeros(channels))
        self.register_buffer("running_var", torch.ones(channels))
        self.weight, self.bias = nn.Parameter(torch.ones(channels)), nn.Parameter(torch.zeros(channels))
        self.decay, self.eps = 0.9, 1e-5

    def forward(self, x):
        mean, var = self.running_mean, self.running_var
        if self.training:
            var, mean = torch.var_mean(x, (0, 1), correction=0)
            with torch.no_grad():
                self.running_mean.mul_(self.decay).add_(mean, alpha=1 - self.decay)
                self.running_var.mul_(self.decay).add_(var, alpha=1 - self.decay)
        return (x - mean) / (var + self.eps).sqrt() * self.weight + self.bias


class Frozen(Written):
    """The same with statistics that nothing moves."""

    def forward(self, x):
        return (x - self.running_mean) / (self.running_var + self.eps).sqrt() * self.weight + self.bias


class Net(nn.Module):
    """A norm of (N, L, C), and one of torch's behind it."""

    def __init__(self, norm):
        super().__init__()
        torch.manual_seed(0)
        self.into, self.norm = nn.Linear(5, CHANNELS), norm(CHANNELS)
        self.on, self.last = nn.Linear(CHANNELS, 4), nn.BatchNorm1d(4)

    def forward(self, x, mask=None):
        y = self.into(x)
        y = self.norm(y) if mask is None else self.norm(y, mask)
        return self.last(self.on(y).mean(1))


def tokens(count=24):
    return 1 + 3 * torch.randn(count, 7, 5, generator=torch.Generator().manual_seed(1))


def masks(count=24):
    return torch.rand(count, 7, generator=torch.Generator().manual_seed(2)) > 0.3


def check(norm, values):
    """Mean and unbiased variance over all rows, in float64."""
    expected = values.detach().double()
    torch.testing.assert_close(norm.running_mean.double(), expected.mean(0), rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(norm.running_var.double(), expected.var(0), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("kind", [Turned, Flat, Written])
def test_channels_that_lie_elsewhere(kind, method):
    model, x = Net(kind), tokens()
    record = recalibrate(model, x.split(5), method=method)
    check(model.norm, model.into(x).reshape(-1, CHANNELS))
    assert [norm.name for norm in record.norms] == ["norm", "last"]


class Doubled(nn.BatchNorm1d):
    """Normalizes twice what it is given."""

    def forward(self, x):
        return super().forward(2 * x.transpose(1, 2)).transpose(1, 2)


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


class MaskedByOperator(nn.BatchNorm1d):
    """Normalizes what the mask leaves, by torch's operator."""

    def forward(self, x, mask):
        y = torch.zeros_like(x)
        y[mask] = super().forward(x[mask])
        return y


class MaskedUnlessAllIsThere(MaskedByOperator):
    """As many do, takes a shorter way where nothing is masked."""

    def forward(self, x, mask):
        if mask.all():
            return nn.BatchNorm1d.forward(self, x.transpose(1, 2)).transpose(1, 2)
        return super().forward(x, mask)


class MaskedByFormula(nn.BatchNorm1d):
    """The moments of what the mask leaves, by sums of its own."""

    def forward(self, x, mask):
        mean, var = self.running_mean, self.running_var
        if self.training:
            mean = (x * mask[..., None]).sum((0, 1)) / mask.sum()
            var = ((x - mean).square() * mask[..., None]).sum((0, 1)) / mask.sum()
            with torch.no_grad():
                self.running_mean.lerp_(mean, self.momentum)
                self.running_var.lerp_(var * mask.sum() / (mask.sum() - 1), self.momentum)
        return ((x - mean) / (var + self.eps).sqrt() * self.weight + self.bias) * mask[..., None]


class MaskedInTrainingOnly(nn.BatchNorm1d):
    """Evaluates all positions by the moments of those that the mask leaves."""

    def forward(self, x, mask):
        if not self.training:
            return super().forward(x.transpose(1, 2)).transpose(1, 2)
        y = torch.zeros_like(x)
        y[mask] = super().forward(x[mask])
        return y


def batches(x, mask, first_is_whole):
    if first_is_whole:
        mask = mask.clone()
        mask[:6] = True
    given = [{"x": part, "mask": chosen} for part, chosen in zip(x.split(6), mask.split(6), strict=True)]
    return given, mask


@pytest.mark.parametrize("first_is_whole", [True, False])
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("kind", [MaskedByOperator, MaskedUnlessAllIsThere])
def test_what_a_mask_leaves(kind, method, first_is_whole):
    model, x = Net(kind), tokens()
    given, mask = batches(x, masks(), first_is_whole)
    recalibrate(model, given, method=method)
    check(model.norm, model.into(x)[mask])


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(
    # What a norm does is looked at with the first batch: its mask has to leave something out there.
    ("kind", "first_is_whole"),
    [(MaskedByFormula, True), (MaskedByFormula, False), (MaskedInTrainingOnly, False)],
)
def test_a_mask_that_evaluation_does_not_show_leaves_the_norm_alone(kind, method, first_is_whole):
    model = Net(kind)
    given, _ = batches(tokens(), masks(), first_is_whole)
    record = recalibrate(model, given, method=method)
    assert torch.equal(model.norm.running_mean, torch.zeros(CHANNELS))
    assert kind.__name__ in record.skipped["norm"]
    assert [norm.name for norm in record.norms] == ["last"]


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
    [(Narrow, "one pair for each channel that it normalizes"), (Copying, "by a copy of the statistics")],
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
    assert "its own train() exchanges them" in record.skipped["0"]


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
        ValueError, match=r"none that may be written \(norm: it is called with other running statistics"
    ):
        recalibrate(model, tokens().split(5), forward_fn=lambda net, x: torch.func.functional_call(net, other, (x,)))
    assert torch.equal(model.last.running_mean, before)
