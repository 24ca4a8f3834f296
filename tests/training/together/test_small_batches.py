"""A last batch of fewer images than processes: who has none takes part, and learns nothing of it."""

import pytest
import torch

from .processes import train
from .test_as_one import ROUNDING, assert_alike, assert_same_training

pytestmark = pytest.mark.slow

OPTIONS = {"epochs": 2, "batch_size": 7}
"""108 images in batches of 7 leave a last one of 3."""


@pytest.mark.parametrize("accumulate", [1, 3])
@pytest.mark.parametrize(
    ("net", "sync_bn"), [("double_without_norm", False), ("double", True), ("double_torchs", True)]
)
def test_four_processes_train_as_one(teams, net, sync_bn, accumulate):
    options = {**OPTIONS, "accumulate": accumulate, "sync_bn": sync_bn}
    told = teams(4)(options, net=net)
    assert_alike(told)
    assert_same_training(train(options, net=net), told[0], ROUNDING)


@pytest.mark.parametrize("accumulate", [1, 3])
@pytest.mark.parametrize("net", ["small", "torchs", "counting"])
def test_the_norms_of_a_process_without_images_stay(teams, net, accumulate):
    """The mean of the processes' statistics is finite, and counts every step of the first one."""
    told = teams(4)({**OPTIONS, "accumulate": accumulate, "bn_buffers": "mean"}, net=net)
    assert_alike(told)
    assert all(value.isfinite().all() for value in told[0].state.values())
    counter = next(value for name, value in told[0].state.items() if "tracked" in name)
    assert counter == 2 * -(-16 // accumulate)


@pytest.mark.parametrize("buffers", ["rank0", "mean"])
def test_four_processes_go_on_bit_for_bit(teams, tmp_path, buffers):
    options = {**OPTIONS, "bn_buffers": buffers, "ema_decay": 0.9}
    whole = teams(4)(options, net="dropping", out=tmp_path / "whole")
    teams(4)(options, net="dropping", out=tmp_path / "parts", stop_after=5)
    resumed = teams(4)(options, net="dropping", out=tmp_path / "parts")
    assert_alike(resumed)
    assert all(torch.equal(value, resumed[0].state[name]) for name, value in whole[0].state.items())
    assert whole[0].losses[-len(resumed[0].losses) :] == resumed[0].losses
