"""Nets of the caller's own, as several processes train them."""

import pytest
import torch
import torch.distributed as dist

from batchnorm import convert, revert
from batchnorm import nn as ours
from batchnorm.errors import InputError
from batchnorm.functional import Batch
from batchnorm.runs import TrainConfig
from batchnorm.training import fit

from ..conftest import FewImages
from . import nets
from .processes import train
from .test_as_one import ROUNDING, assert_alike, assert_same_training
from .test_refused import assert_refused


@pytest.fixture
def alone():
    """A group of this process."""
    dist.init_process_group("gloo", store=dist.HashStore(), rank=0, world_size=1)
    yield dist.new_group([0])
    dist.destroy_process_group()


@pytest.mark.parametrize("accumulate", [1, 2])
def test_a_layer_that_some_processes_use_in_some_steps_trains_as_in_one_process(both, accumulate):
    """Weight decay and momentum would move one that gets a gradient of 0 where one process gives it none."""
    options = {"epochs": 2, "batch_size": 2, "accumulate": accumulate, "decay_all": True, "weight_decay": 0.1}
    told = both(options, net="partly_used", images=(30, 30))
    assert_alike(told)
    assert len({*zip(told[0].seen, told[1].seen, strict=True)}) == 4  # used by none, by one, by the other, by both
    one = train(options, net="partly_used", images=(30, 30))
    assert_same_training(one, told[0], ROUNDING)


def test_a_net_that_computes_a_part_again_trains_as_in_one_process(both):
    options = {"epochs": 1, "batch_size": 16}
    told = both(options, net="recomputing")
    assert_alike(told)
    assert_same_training(train(options, net="recomputing"), told[0], ROUNDING)


def test_a_net_that_hides_what_it_computes_again_is_refused(both):
    told = both({"epochs": 1, "batch_size": 16}, net="recomputing_reentrantly")
    assert_refused(told, "model: the net computes middle again in its backward, by torch.utils.checkpoint with use_re")


def test_norms_that_were_converted_before_are_again_what_they_were():
    net = nets.after_a_conversion(0)
    kinds = [type(module) for module in net]
    assert kinds[1] is not torch.nn.BatchNorm2d
    config = TrainConfig(epochs=1, batch_size=16, sync_bn=True, threads=1)
    fit(config, model=net, source=FewImages(120, 60))
    assert [type(module) for module in net] == kinds
    assert net[1].moments == Batch()
    revert(net)
    assert type(net[1]) is torch.nn.BatchNorm2d


def test_torchs_synchronized_norms_train_on_a_cpu_as_in_one_process(both):
    """Torch's own refuse a CPU, in the proof ahead of the training, too."""
    options = {"epochs": 2, "batch_size": 16, "sync_bn": True}
    told = both(options, net="double_torchs_synchronized")
    assert_alike(told)
    assert_same_training(train({**options, "sync_bn": False}, net="double_torchs"), told[0], ROUNDING)


def test_torchs_synchronized_norms_are_again_what_they_were():
    net = nets.with_torchs_synchronized(0)
    fit(TrainConfig(epochs=1, batch_size=16, sync_bn=True, threads=1), model=net, source=FewImages(120, 60))
    assert [type(module) for module in net].count(torch.nn.SyncBatchNorm) == 2
    assert "moments" not in dir(net[1])


def test_a_norm_that_was_converted_to_a_group_is_in_it_again(alone):
    net = nets.torchs(0)
    convert(net, torch.nn.SyncBatchNorm, process_group=alone)
    fit(TrainConfig(epochs=1, batch_size=16, sync_bn=True, threads=1), model=net, source=FewImages(120, 60))
    assert type(net[1]) is torch.nn.SyncBatchNorm
    assert net[1].process_group is alone


@pytest.mark.parametrize("net", ["torchs", "small"])
def test_norms_are_again_what_they_were_after_a_training_that_was_refused(net):
    made = getattr(nets, net)(0)
    before = [(type(module), {**vars(module)}.keys()) for module in made]
    made.add_module("bad", ours.BatchNorm1d(10, moments="ghost:4"))
    with pytest.raises(InputError, match=r"sync_bn: bad cannot be synchronized: it normalizes by 'ghost:4'"):
        fit(TrainConfig(epochs=1, sync_bn=True, threads=1), model=made, source=FewImages(120, 60))
    assert [(type(module), vars(module).keys()) for module in made][:-1] == before
    assert getattr(made[1], "moments", Batch()) == Batch()


def test_a_net_without_norms_is_refused_with_synchronized_ones():
    with pytest.raises(InputError, match=r"sync_bn: the net has no batch norm to be synchronized \(norm: 'none'\)"):
        fit(TrainConfig(epochs=1, norm="none", sync_bn=True, threads=1), source=FewImages(120, 60))
