"""A training of several processes that is stopped, and gone on with by as many, or by others."""

from dataclasses import replace

import pytest
import torch

from .processes import train
from .test_as_one import ROUNDING, assert_alike, assert_same_training

EVERYTHING = {"epochs": 2, "batch_size": 16, "ema_decay": 0.9}


def same_bits(one, other):
    assert one.state.keys() == other.state.keys()
    for name, value in one.state.items():
        assert torch.equal(value, other.state[name]), name
    timeless = {"seconds": 0.0, "images_per_second": 0.0}
    assert [replace(record, **timeless) for record in one.history] == [
        replace(record, **timeless) for record in other.history
    ]
    assert replace(one.result, run="", seconds=0) == replace(other.result, run="", seconds=0)


def rest_of(whole, resumed):
    """What a training told that was not stopped, from where the other one went on."""
    steps = len(resumed.losses)
    return replace(whole, losses=whole.losses[-steps:], accuracies=whole.accuracies[-steps:])


@pytest.mark.parametrize(
    ("net", "buffers"),
    [
        ("small", "rank0"),
        ("dropping", "mean"),
        *(pytest.param(*case, marks=pytest.mark.slow) for case in [("small", "mean"), ("dropping", "rank0")]),
    ],
)
def test_as_many_processes_go_on_bit_for_bit(both, tmp_path, net, buffers):
    options = {**EVERYTHING, "bn_buffers": buffers}
    whole = both(options, net=net, out=tmp_path / "whole")
    stopped = both(options, net=net, out=tmp_path / "parts", stop_after=3)
    assert all("TrainingInterrupted" in one.error for one in stopped)
    resumed = both(options, net=net, out=tmp_path / "parts")
    assert_alike(resumed)
    same_bits(whole[0], resumed[0])


@pytest.mark.parametrize("buffers", [pytest.param("rank0", marks=pytest.mark.slow), "mean"])
def test_one_process_goes_on_with_what_two_began(both, tmp_path, buffers):
    options = {**EVERYTHING, "bn_buffers": buffers}
    both(options, net="double_without_norm", out=tmp_path, stop_after=3)
    resumed = train(options, net="double_without_norm", out=tmp_path)
    assert resumed.error == ""
    assert any("2 processes" in note for note in resumed.notes)
    assert_same_training(rest_of(train(options, net="double_without_norm"), resumed), resumed, ROUNDING)


def test_two_processes_go_on_with_what_one_began(both, tmp_path):
    assert "TrainingInterrupted" in train(EVERYTHING, net="double_without_norm", out=tmp_path, stop_after=3).error
    resumed = both(EVERYTHING, net="double_without_norm", out=tmp_path)
    assert_alike(resumed)
    assert_same_training(rest_of(train(EVERYTHING, net="double_without_norm"), resumed[0]), resumed[0], ROUNDING)


def test_each_process_draws_its_own_dropout(both):
    told = both({"epochs": 1, "batch_size": 16}, net="dropping")
    assert_alike(told)
    assert len(told[0].seen) == len(told[1].seen) > 0
    assert all(one != other for one, other in zip(told[0].seen[-7:], told[1].seen[-7:], strict=True))


@pytest.mark.parametrize("buffers", ["rank0", pytest.param("mean", marks=pytest.mark.slow)])
def test_the_best_epoch_is_kept_by_all_processes_and_through_a_stop(both, tmp_path, buffers):
    """At this rate nothing is learned, so that the last epoch is hardly the best one."""
    options = {"epochs": 4, "batch_size": 16, "keep": "best", "bn_buffers": buffers, "lr": 10.0, "clip_norm": 1.0}
    whole = both(options, out=tmp_path / "whole")
    assert_alike(whole)
    best = max(whole[0].history, key=lambda epoch: (epoch.val_accuracy, -epoch.val_loss)).epoch
    assert whole[0].result.kept_epoch == best
    assert whole[0].state["bn1.num_batches_tracked"] == 7 * best
    both(options, out=tmp_path / "parts", stop_after=25)
    same_bits(whole[0], both(options, out=tmp_path / "parts")[0])


def test_a_finished_training_goes_on_for_longer_in_all_processes(both, tmp_path):
    options = {"epochs": 1, "batch_size": 16, "recalibrate": "average"}
    both(options, out=tmp_path / "whole")
    both(options, out=tmp_path / "parts")
    whole = both(options, out=tmp_path / "whole", epochs=3)
    assert_alike(whole)
    assert (whole[0].result.epochs, whole[0].result.lengthened) == (3, (7,))
    stopped = both(options, out=tmp_path / "parts", epochs=3, stop_after=9)
    assert all("TrainingInterrupted" in one.error for one in stopped)
    same_bits(whole[0], both(options, out=tmp_path / "parts")[0])
