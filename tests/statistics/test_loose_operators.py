"""Statistics that operators take beside a norm's call: whatever they normalize counts."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from batchnorm import recalibrate

from .own_norms import METHODS, check


class Loose(nn.Module):
    """Normalizes by the statistics of a norm beside, or in the place, of its call."""

    def __init__(self, way):
        super().__init__()
        torch.manual_seed(0)
        self.way, self.into, self.norm, self.last = way, nn.Linear(5, 4), nn.BatchNorm1d(4), nn.BatchNorm1d(4)

    def forward(self, x):
        return self.last(self.way(self.norm, self.into(x)).relu())


def by_operator(norm, x):
    return F.batch_norm(x, norm.running_mean, norm.running_var, norm.weight, norm.bias, norm.training)


def under_a_hook(norm, x):
    with norm.register_forward_pre_hook(lambda module, args: (2 * args[0],)):
        return norm(x)


WAYS = {
    "an operator": (by_operator, (1,)),
    "its forward": (lambda norm, x: norm.forward(x), (1,)),
    "a hook that is hung up for the call": (under_a_hook, (2,)),
    "a call and an operator": (lambda norm, x: norm(x) + by_operator(norm, 3 * x), (1, 3)),
    "an operator and a call": (lambda norm, x: by_operator(norm, 3 * x) + norm(x), (1, 3)),
}


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(("way", "times"), WAYS.values(), ids=WAYS)
def test_whoever_normalizes_by_the_statistics_of_a_norm_counts(way, times, method):
    model, x = Loose(way), torch.randn(23, 5)
    record = recalibrate(model, x.split(6), method=method)
    check(model.norm, torch.cat([time * model.into(x) for time in times]))
    assert [norm.name for norm in record.norms] == ["norm", "last"]
    if method == "exact":
        check(model.last, model.eval().way(model.norm, model.into(x)).relu())


def test_an_operator_that_takes_a_part_of_a_norm_s_statistics_leaves_it_alone():
    class Slim(Loose):
        def __init__(self):
            super().__init__(None)
            self.norm = nn.BatchNorm1d(6)

        def forward(self, x):
            mean, var = self.norm.running_mean[:4], self.norm.running_var[:4]
            return self.last(F.batch_norm(self.into(x), mean, var, training=self.training))

    record = recalibrate(Slim(), torch.randn(23, 5).split(6))
    assert "one mean and one variance for each channel that it normalizes" in record.skipped["norm"]


@pytest.mark.parametrize("method", METHODS)
def test_statistics_that_an_operator_takes_and_never_moves_are_frozen(method):
    def still(norm, x):
        return F.batch_norm(x, norm.running_mean, norm.running_var, norm.weight, norm.bias)

    record = recalibrate(Loose(still), torch.randn(23, 5).split(6), method=method)
    assert record.skipped == {"norm": "frozen: what normalizes by its statistics does not move them"}
