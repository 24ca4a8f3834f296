"""Frozen norms of others: what they become, and which checkpoints load then."""

import copy

import pytest
import torch
from torch import nn

import batchnorm.nn as ours
from batchnorm import convert, revert, unfreeze
from batchnorm.norms import is_frozen

from .odd_norms import COPIES, NO_COPIES, FrozenButForItsWeight, FrozenForAnyAxes, FrozenInTwo, X, with_numbers


@pytest.fixture(params=["torchvision", *COPIES])
def kind(request, peers):
    return peers.load("torchvision.ops").FrozenBatchNorm2d if request.param == "torchvision" else COPIES[request.param]


def net(norm):
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(3, 4, 1), with_numbers(norm(4))).double()


def test_it_becomes_a_frozen_layer_that_computes_the_same_in_both_modes(kind):
    model = net(kind)
    before = model(X)
    convert(model)
    assert type(model[1]) is ours.BatchNorm2d
    assert is_frozen(model[1])
    for mode in (True, False):
        torch.testing.assert_close(model.train(mode)(X), before, rtol=1e-12, atol=1e-12)


def test_its_numbers_remain_buffers_and_nothing_is_added_to_the_keys(kind):
    model = net(kind)
    keys = [*model.state_dict()]
    convert(model)
    assert [*model.state_dict()] == keys
    assert not [*model[1].parameters()]


def test_its_eps_is_found_wherever_it_is_written(kind):
    model = net(kind)
    convert(model)
    assert model[1].eps == (1e-3 if "Detectron" in kind.__name__ else 1e-5)


def test_the_report_says_where_outputs_in_half_types_have_another_dtype_now(kind):
    model, x = net(kind).float(), X.bfloat16()
    before = model[1](torch.cat([x, x[:, :1]], dim=1)).dtype
    said = convert(model).norms[0].detail
    assert model[1](torch.cat([x, x[:, :1]], dim=1)).dtype == torch.bfloat16
    assert ("dtype of its inputs now" in said) == (before == torch.float32)


def test_one_for_vectors_without_weight_becomes_a_layer_for_vectors():
    norm, x = with_numbers(FrozenInTwo(3)).double(), X[:, :, 0, 0]
    before = norm(x)
    convert(norm)
    assert type(norm) is ours.BatchNorm1d
    assert (norm.weight, norm.bias) == (None, None)
    torch.testing.assert_close(norm(x), before)
    revert(norm)
    assert [*norm._buffers] == ["running_mean", "running_var"]


def test_one_that_takes_any_axes_is_left_unless_its_name_or_the_caller_says_which():
    norm = FrozenForAnyAxes(3)
    assert "how many axes" in convert(norm).norms[0].reason
    convert(norm, ours.BatchNorm3d)
    assert type(norm) is ours.BatchNorm3d


def test_a_weight_that_is_trained_is_trained_on():
    model = net(FrozenButForItsWeight)
    convert(model)
    model.train()(X).square().sum().backward()
    assert is_frozen(model[1])
    assert model[1].weight.grad is not None
    revert(model)
    assert type(model[1]) is FrozenButForItsWeight


def test_its_gradient_is_that_of_the_formula(kind):
    model, twin = net(kind), net(kind)
    convert(model)
    gradients = []
    for one in (model, twin):
        one.train()(X).square().sum().backward()
        gradients.append(one[0].weight.grad)
    torch.testing.assert_close(*gradients, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("to", [None, "torch", "group"])
def test_it_comes_back_with_nothing_added(kind, to):
    model = net(kind)
    held = {name: list(value) if isinstance(value, dict | set) else value for name, value in vars(model[1]).items()}
    convert(model, to)
    revert(model)
    after = {name: list(value) if isinstance(value, dict | set) else value for name, value in vars(model[1]).items()}
    assert type(model[1]) is kind
    assert after == held


def test_released_it_moves_its_statistics():
    model = net(COPIES["detr"])
    convert(model)
    unfreeze(model)
    before = model[1].running_mean.clone()
    model.train()(X)
    assert not torch.equal(model[1].running_mean, before)


@pytest.mark.parametrize("to", [None, "torch", "group", "identity"])
def test_its_own_checkpoints_load_strictly_after_the_conversion(kind, to):
    model = net(kind)
    checkpoint = copy.deepcopy(model.state_dict())
    convert(model, to)
    model[1].weight.zero_()
    model.load_state_dict(checkpoint)
    assert torch.equal(model[1].weight, checkpoint["1.weight"])


@pytest.mark.parametrize("to", [None, "torch", "group"])
def test_checkpoints_of_batch_norms_load_strictly_too(to):
    model, other = net(COPIES["detr"]), net(nn.BatchNorm2d)
    convert(model, to)
    model.load_state_dict(other.state_dict())
    revert(model)
    torch.testing.assert_close(model(X), other.eval()(X))


@pytest.mark.parametrize("assign", [True, False])
def test_a_converted_batch_norm_loads_the_checkpoint_of_a_frozen_one_strictly(kind, assign):
    model, frozen = net(nn.BatchNorm2d), net(kind)
    convert(model)
    model[1].num_batches_tracked.fill_(3)
    model.load_state_dict(frozen.state_dict(), assign=assign)
    assert int(model[1].num_batches_tracked) == 3
    torch.testing.assert_close(model[1].running_mean, frozen[1].running_mean)


def test_a_checkpoint_without_statistics_is_still_refused():
    model = nn.Sequential(nn.BatchNorm2d(4))
    convert(model)
    with pytest.raises(RuntimeError, match="Missing key"):
        model.load_state_dict({"0.weight": torch.ones(4), "0.bias": torch.ones(4)})


@pytest.mark.parametrize("name", NO_COPIES)
def test_a_class_that_computes_anything_else_is_left(name):
    model = net(NO_COPIES[name])
    before = copy.deepcopy(model.state_dict())
    report = convert(model)
    assert report.named("left") == ("1",)
    assert type(model[1]) is NO_COPIES[name]
    assert all(map(torch.equal, before.values(), model.state_dict().values()))


def test_looking_at_it_draws_no_random_numbers(kind):
    model, state = net(kind), torch.get_rng_state()
    convert(model)
    assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.parametrize("to", [None, "torch", "group", "identity"])
def test_its_checkpoints_keep_the_version_by_which_its_class_reads_them(kind, to):
    model = net(kind)
    versions = model.state_dict()._metadata
    convert(model, to)
    assert model.state_dict()._metadata == versions
    revert(model)
    assert "_version" not in vars(model[1])
