"""Layers with a source of moments: their population is that of the plain net, whatever normalizes their training."""

import copy

import pytest
import torch
from torch import nn

import batchnorm
import batchnorm.nn as bn
from batchnorm.statistics import use_batch_statistics

METHODS = ["average", "exact"]
CONSTANT = ["ghost:4", "renorm", "renorm:1.1,0.1,0", "population", "population:none"]
"""Sources of which evaluation is batch norm's."""
X = torch.randn(48, 3, 6, 6, generator=torch.Generator().manual_seed(1)) * 2 + 1
LOADER = [(x, torch.zeros(len(x), dtype=torch.long)) for x in X.split(20)]


def net(moments):
    torch.manual_seed(0)
    first, second = bn.BatchNorm2d(4), bn.BatchNorm2d(5, activation="relu")
    body = (nn.Conv2d(3, 4, 3, padding=1), first, nn.ReLU(), nn.Conv2d(4, 5, 3), second)
    model = nn.Sequential(*body, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(5, 2))
    with torch.no_grad():
        for layer in (first, second):
            layer.running_mean.normal_()
            layer.running_var.uniform_(0.5, 2)
            layer.weight.uniform_(0.5, 2)
    bn.set_moments(model, moments)
    return model


def statistics(model):
    return [values for name, values in model.state_dict().items() if "running" in name]


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("moments", CONSTANT)
def test_recalibrate_measures_the_population_of_the_plain_net(moments, method, training):
    model, plain = net(moments).train(training), net("batch").train(training)
    batchnorm.recalibrate(model, LOADER, method=method)
    batchnorm.recalibrate(plain, LOADER, method=method)
    torch.testing.assert_close(statistics(model), statistics(plain))
    assert str(model[1].moments) == moments
    assert model.training is training


@pytest.mark.parametrize("moments", ["ghost:4", "population", "population:none"])
def test_the_first_norms_population_is_that_of_its_input(moments):
    model = net(moments)
    batchnorm.recalibrate(model, LOADER)
    inputs = model[0](X).double()
    torch.testing.assert_close(model[1].running_mean.double(), inputs.mean((0, 2, 3)), rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(model[1].running_var.double(), inputs.var((0, 2, 3)), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("moments", ["population", "population:none", "ghost:4"])
def test_what_somebody_froze_stays_frozen_whatever_the_source(moments):
    model = net(moments)
    model[1].momentum = 0.0
    before = model[1].running_mean.clone()
    record = batchnorm.recalibrate(model, LOADER)
    assert torch.equal(model[1].running_mean, before)
    assert "frozen" in record.skipped["1"]


def test_after_recalibration_population_trains_by_what_was_measured():
    model = net("population")
    batchnorm.recalibrate(model, LOADER)
    x = model[0](X)
    y = model[1].train()(x[:5])
    torch.testing.assert_close(y, model[1].eval()(x[:5]))


@pytest.mark.parametrize("moments", [*CONSTANT, "blend:0.5"])
def test_evaluation_compares_running_and_batch_statistics_and_changes_nothing(moments):
    model = net(moments)
    before = copy.deepcopy(model.state_dict())
    found = batchnorm.evaluate(model, LOADER)
    assert found.norms == found.tracked == 2
    torch.testing.assert_close(model.state_dict(), before, rtol=0, atol=0)


@pytest.mark.parametrize("moments", ["renorm:2,1,0", "population", "population:none", "blend:0.5"])
def test_by_batch_statistics_a_source_that_reads_others_is_left_out(moments):
    with use_batch_statistics(model := net(moments)), use_batch_statistics(plain := net("batch")):
        torch.testing.assert_close(model(X), plain(X))


def test_by_batch_statistics_ghost_normalizes_its_slices_as_it_does_in_training():
    model, trained = net("ghost:12"), net("ghost:12").train()
    with use_batch_statistics(model):
        torch.testing.assert_close(model(X), trained(X))
    torch.testing.assert_close(dict(model.state_dict()), dict(net("batch").state_dict()), rtol=0, atol=0)


class Sequences(nn.Module):
    """A norm with a mask, and one behind it without."""

    def __init__(self, moments="masked", **options):
        super().__init__()
        torch.manual_seed(0)
        self.conv, self.norm, self.head = (
            nn.Conv1d(3, 4, 1),
            bn.BatchNorm1d(4, moments=moments, **options),
            nn.Conv1d(4, 2, 1),
        )

    def forward(self, x, mask):
        return self.head(self.norm(self.conv(x), mask))


SEQUENCES = torch.randn(12, 3, 7, generator=torch.Generator().manual_seed(2))
MASK = torch.arange(7) < torch.randint(1, 8, (12, 1), generator=torch.Generator().manual_seed(3))
MASKED = [{"x": x, "mask": mask} for x, mask in zip(SEQUENCES.split(5), MASK.split(5), strict=True)]


@pytest.mark.parametrize("junk", [0.0, 1e4])
@pytest.mark.parametrize("route", ["auto", "composed", "native"])
@pytest.mark.parametrize("method", METHODS)
def test_the_population_of_a_masked_norm_is_that_of_the_valid_places(method, route, junk):
    model = Sequences(route=route)
    loader = [{"x": one["x"].where(one["mask"][:, None], junk), "mask": one["mask"]} for one in MASKED]
    batchnorm.recalibrate(model, loader, method=method)
    rows = model.conv(SEQUENCES).movedim(1, -1)[MASK].double()
    torch.testing.assert_close(model.norm.running_mean.double(), rows.mean(0), rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(model.norm.running_var.double(), rows.var(0), rtol=1e-5, atol=1e-5)
