"""What the record says: drift, standard errors, rounds, partial results; and what a watcher hears."""

import json
import math
import time

import numpy as np
import pytest
import torch
from torch import nn

from batchnorm import recalibrate
from batchnorm.measuring import _passes
from batchnorm.records import to_json
from batchnorm.statistics import RecalibrationWatcher

from .oracle import errors, images, make, norms, population


def test_drift_is_from_the_old_to_the_new_statistics_in_new_sigmas():
    model = nn.Sequential(nn.BatchNorm1d(2, eps=0.5))
    model[0].running_mean.copy_(torch.tensor([1.0, -1.0]))
    record = recalibrate(model, [torch.tensor([[0.0, 3.0], [4.0, 3.0]])], variance="biased")
    norm = record.norms[0]
    assert (norm.old_mean, norm.new_mean) == ((1.0, -1.0), (2.0, 3.0))
    assert (norm.old_var, norm.new_var) == ((1.0, 1.0), (4.0, 0.0))
    shifts, ratios = [1 / math.sqrt(4.5), 4 / math.sqrt(0.5)], [math.log(4.5 / 1.5), math.log(1.5 / 0.5)]
    assert norm.drift_mean_max == pytest.approx(max(shifts))
    assert norm.drift_mean_average == pytest.approx(sum(shifts) / 2)
    assert norm.drift_var_max == pytest.approx(max(ratios))
    assert norm.drift_var_average == pytest.approx(sum(ratios) / 2)
    assert norm.standard_error is None
    assert norm.samples_enough is None


def test_the_standard_error_is_that_of_a_weighted_mean_of_batches():
    x = torch.randn(50, 2, 3).double()
    batches = x.split([20, 5, 15, 10])
    record = recalibrate(nn.Sequential(nn.BatchNorm1d(2)).double(), batches)
    means = np.stack([batch.numpy().mean((0, 2)) for batch in batches])
    shares = np.array([20, 5, 15, 10])[:, None] / 50
    mean = x.numpy().mean((0, 2))
    error = np.sqrt((shares**2 * (means - mean) ** 2).sum(0) * 4 / 3)
    sigma = np.sqrt(x.numpy().var((0, 2), ddof=1) + 1e-5)
    np.testing.assert_allclose(record.norms[0].standard_error, error / sigma, rtol=1e-9)
    assert record.norms[0].samples_enough == math.ceil(50 * ((error / sigma).max() / 0.01) ** 2)


def test_samples_enough_foretells_the_standard_error():
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(4000, 1, generator=generator)
    record = recalibrate(nn.Sequential(nn.BatchNorm1d(1)), x.split(10))
    # Independent values of variance 1: the standard error of n is 1 / sqrt(n), and 0.01 takes 10,000.
    assert record.norms[0].standard_error[0] == pytest.approx(1 / math.sqrt(4000), rel=0.1)
    assert record.norms[0].samples_enough == pytest.approx(10_000, rel=0.2)


@pytest.mark.parametrize("method", ["average", "exact"])
def test_the_record_is_plain_json(method):
    record = recalibrate(make("mlp"), images().split(10), method=method)
    read = json.loads(to_json(record))
    assert read["record"] == "Recalibration"
    assert (read["samples"], read["batches"], read["method"]) == (30, 3, method)
    assert [norm["name"] for norm in read["norms"]] == ["bn1", "bn2", "bn3", "bn4"]


def test_the_new_statistics_of_the_record_are_those_of_the_model():
    model = make("mlp")
    record = recalibrate(model, images().split(10), method="exact")
    for norm in record.norms:
        assert norm.new_mean == tuple(norms(model)[norm.name].running_mean.tolist())
        assert norm.new_var == tuple(norms(model)[norm.name].running_var.tolist())


def test_each_front_round_says_how_wrong_the_average_was():
    model, x = make("mlp"), images()
    exact = population(model, x)
    average = make("mlp")
    recalibrate(average, x.split(10))
    record = recalibrate(model, x.split(10), method="exact")
    fronts = [done for done in record.rounds if done.kind == "front"]
    assert [done.depth for done in fronts] == [2, 3, 4]
    mean, var = exact["bn2"]
    wrong = np.abs(norms(average)["bn2"].running_mean.double().numpy() - mean) / np.sqrt(var + 1e-5)
    assert fronts[0].residual_mean == pytest.approx(wrong.max(), rel=1e-4)


@pytest.mark.parametrize("max_rounds", [2, 3, 4])
def test_what_is_exact_when_the_rounds_run_out_is_kept_if_asked_for(max_rounds):
    model, x = make("mlp"), images()
    expected = population(model, x)
    average = make("mlp")
    recalibrate(average, x.split(10))
    record = recalibrate(model, x.split(10), method="exact", max_rounds=max_rounds, keep_partial=True)
    exact = max_rounds - 1
    assert (len(record.rounds), record.depth, record.exact_depth) == (max_rounds, 4, exact)
    assert [norm.state for norm in record.norms] == ["exact"] * exact + ["average"] * (4 - exact)
    assert max(errors(model, {name: expected[name] for name in [f"bn{k + 1}" for k in range(exact)]})) <= 1e-5
    for norm in record.norms[exact:]:
        assert torch.equal(norms(model)[norm.name].running_mean, norms(average)[norm.name].running_mean)
    assert f"max_rounds={max_rounds} reached" in record.notes[0]


def test_a_norm_that_is_not_reached_and_has_no_average_keeps_what_it_had():
    model = make("mlp")
    before = {name: norm.running_mean.clone() for name, norm in norms(model).items()}
    record = recalibrate(model, images().split(1), method="exact", max_rounds=3, keep_partial=True)
    assert record.skipped == {
        "bn3": "not reached before the rounds ran out",
        "bn4": "not reached before the rounds ran out",
    }
    assert torch.equal(norms(model)["bn3"].running_mean, before["bn3"])
    assert record.exact_depth == 2


class Listener(RecalibrationWatcher):
    """Writes down what it hears."""

    def __init__(self):
        self.heard = []

    def planned(self, rounds, seconds):
        assert seconds > 0
        self.heard.append(("planned", rounds))

    def batch(self, done, total, number):
        self.heard.append((number, done, total))

    def note(self, message):
        self.heard.append(message)


def test_a_watcher_hears_of_every_batch_and_of_the_rounds_before_they_begin():
    listener = Listener()
    record = recalibrate(make("mlp"), images().split(10), method="exact", watcher=listener)
    assert listener.heard[:4] == [(1, 1, 3), (1, 2, 3), (1, 3, 3), ("planned", 4)]
    assert listener.heard[4:] == [(number, done, 3) for number in range(2, 6) for done in (1, 2, 3)]
    assert [done.number for done in record.rounds] == [1, 2, 3, 4, 5]


def test_a_watcher_hears_the_notes_of_the_record():
    listener = Listener()
    record = recalibrate(make("mlp"), images(5).split(1), method="exact", watcher=listener)
    assert record.notes == tuple(entry for entry in listener.heard if isinstance(entry, str))
    assert len(record.notes) == 1


def test_the_total_is_learned_in_the_first_round_where_a_loader_has_no_length():
    class Loader:
        def __iter__(self):
            return iter(images().split(10))

    listener = Listener()
    recalibrate(make("convbnnet"), Loader(), method="exact", watcher=listener)
    assert [entry for entry in listener.heard if len(entry) == 3][2:4] == [(1, 3, None), (2, 1, 3)]


def test_the_time_that_is_announced_leaves_out_what_the_first_pass_alone_does(monkeypatch):
    """Hashing that takes a second a batch, in three batches: no later round waits for it."""
    announced = []

    class Listener(RecalibrationWatcher):
        def planned(self, rounds, seconds):
            announced.append(seconds)

    monkeypatch.setattr(_passes, "fingerprint_of", lambda batch: time.sleep(1) or 0)
    recalibrate(make("mlp"), images().split(10), method="exact", watcher=Listener())
    assert 0 < announced[0] < 3


def test_a_recalibration_answers_in_the_words_of_every_report():
    model = nn.Sequential(nn.BatchNorm1d(2), nn.BatchNorm1d(2).eval())
    record = recalibrate(model, [torch.randn(8, 2)])
    assert record.outcome_of("0") == "average"
    assert record.named("skipped") == ("1",)
    assert record.proof is record.certificate
