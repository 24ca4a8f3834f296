"""What a converted model is again when it is reverted."""

import copy
import io
import pickle

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

import batchnorm.nn as ours
from batchnorm import convert, freeze, recalibrate, revert, unfreeze
from batchnorm.statistics import checkpoint_safe

from .odd_norms import Net, Plain, X

TO = [None, "sync", ("ghost", {"size": 2}), "frozen", "torch", "group", "identity", (None, {"moments": "renorm"})]


def net():
    return Net().double()


def to(model, target):
    name, options = target if isinstance(target, tuple) else (target, {})
    return convert(model, name, filter_fn=lambda norm, name: name != "last", **options)


def picture(model):
    """All that its modules are and hold, by the objects."""
    held = [(type(one), {**vars(one)}) for one in model.modules()]
    return [
        (
            kind,
            [*found],
            {name: list(value) if isinstance(value, dict | set) else value for name, value in found.items()},
        )
        for kind, found in held
    ]


@pytest.mark.parametrize("target", TO, ids=str)
def test_everything_is_as_it_was_to_the_bit(target):
    model = net()
    before, bits = picture(model), [one.clone() for one in model.state_dict().values()]
    to(model, target)
    revert(model)
    assert picture(model) == before
    assert all(map(torch.equal, bits, model.state_dict().values()))
    assert all(one.requires_grad for one in model.parameters())


@settings(max_examples=15, deadline=None, derandomize=True)
@given(st.lists(st.sampled_from(TO), min_size=2, max_size=5))
def test_one_revert_goes_back_over_any_number_of_conversions(targets):
    model = net()
    before = picture(model)
    for target in targets:
        to(model, target)
    revert(model)
    assert picture(model) == before


def test_a_subclass_comes_back_with_its_own_attributes():
    norm = Plain(3)
    convert(norm)
    revert(norm)
    assert type(norm) is Plain
    assert "expansion" not in vars(norm)
    assert norm.tag == "stem"


def test_synchronized_norms_become_on_a_cpu_exactly_what_they_were():
    model = nn.Sequential(nn.BatchNorm1d(2), nn.Flatten(), Plain(2))
    convert(model, "sync")
    assert {type(model[0]), type(model[2])} == {ours.SyncBatchNorm}
    revert(model)
    assert (type(model[0]), type(model[2])) == (nn.BatchNorm1d, Plain)


def test_what_was_trained_meanwhile_stays():
    model = net()
    convert(model)
    with torch.no_grad():
        model.norm.weight.fill_(3.0)
        model.norm.running_mean.fill_(2.0)
    revert(model)
    assert model.norm.weight.tolist() == [3.0] * 4
    assert model.norm.running_mean.tolist() == [2.0] * 4


def through_a_pickle(model):
    return pickle.loads(pickle.dumps(model))  # noqa: S301  # our own


def through_a_file(model):
    file = io.BytesIO()
    torch.save(model, file)
    file.seek(0)
    return torch.load(file, weights_only=False)


@pytest.mark.parametrize("target", TO, ids=str)
@pytest.mark.parametrize("away", [copy.deepcopy, through_a_pickle, through_a_file])
def test_a_copy_can_be_reverted(target, away):
    model = net()
    to(model, target)
    spare = away(model)
    revert(spare)
    assert [type(one) for one in spare.modules()] == [type(one) for one in net().modules()]
    assert torch.equal(spare.eval()(X), net().eval()(X))


@pytest.mark.parametrize("target", ["group", "identity", "frozen", None])
def test_statistics_follow_a_conversion_of_the_dtype(target):
    model = net()
    to(model, target)
    model.half()
    revert(model)
    assert {one.dtype for one in (*model.parameters(), *model.buffers()) if one.is_floating_point()} == {torch.float16}


def test_a_state_dict_loads_while_a_norm_is_a_group_norm():
    model, other = net(), net()
    with torch.no_grad():
        other.norm.running_mean.fill_(7.0)
    to(model, "group")
    model.load_state_dict(other.state_dict())
    revert(model)
    assert model.norm.running_mean.tolist() == [7.0] * 4


@pytest.mark.parametrize("early", [True, False])
def test_freezing_and_releasing_are_independent_of_it(early):
    model = net()
    before = picture(model)
    (freeze if early else convert)(model, filter_fn=lambda norm, name: name == "norm")
    (convert if early else freeze)(model, filter_fn=lambda norm, name: name == "norm")
    revert(model)
    unfreeze(model)
    assert picture(model) == before


def test_a_norm_that_was_released_meanwhile_is_not_frozen_again():
    model = net()
    to(model, "frozen")
    unfreeze(model)
    revert(model)
    assert model.train().norm.training
    assert model.norm.weight.requires_grad


def test_a_norm_that_somebody_else_had_frozen_stays_frozen():
    model = net()
    freeze(model, filter_fn=lambda norm, name: name != "last")
    to(model, "frozen")
    revert(model)
    assert not model.train().norm.training
    assert model.norm.weight.requires_grad


def test_the_mode_is_the_present_one():
    model = net().train()
    to(model, "frozen")
    model.eval()
    revert(model)
    assert not model.norm.training
    to(model, "frozen")
    model.train()
    revert(model)
    assert model.norm.training


def test_what_lets_statistics_move_once_under_checkpointing_goes_along_both_ways():
    model = nn.Sequential(nn.BatchNorm2d(3)).double()
    checkpoint_safe(model)

    def moved():
        model[0].reset_running_stats()
        x = X.clone().requires_grad_()
        torch.utils.checkpoint.checkpoint(model, x, use_reentrant=False).sum().backward()
        return int(model[0].num_batches_tracked)

    assert moved() == 1
    convert(model)
    assert moved() == 1
    assert not model[0]._forward_hooks
    revert(model)
    assert moved() == 1
    assert len(model[0]._forward_hooks) == 1
    checkpoint_safe(model, enabled=False)
    assert moved() == 2


def test_a_lazy_norm_that_has_learned_its_channels_meanwhile_is_what_it_would_have_become():
    norm = nn.LazyBatchNorm2d()
    convert(norm)
    norm(X.float())
    revert(norm)
    assert type(norm) is nn.BatchNorm2d


def test_a_lazy_norm_that_has_loaded_a_checkpoint_is_lazy_still():
    norm = nn.LazyBatchNorm2d()
    convert(norm)
    norm.load_state_dict(nn.BatchNorm2d(3).state_dict())
    revert(norm)
    assert type(norm) is nn.LazyBatchNorm2d
    assert norm(X.float()).shape == X.shape
    assert type(norm) is nn.BatchNorm2d


def test_statistics_can_be_recalibrated_meanwhile():
    model = net().eval()
    convert(model)
    recalibrate(model, [X])
    after = model(X)
    revert(model)
    torch.testing.assert_close(model(X), after, rtol=1e-10, atol=1e-10)


def test_where_nothing_was_converted_nothing_is_changed_and_it_is_said():
    model = net()
    before = picture(model)
    report = revert(model)
    assert report.named("already") == ("norm", "blocks.1", "last", "cube")
    assert picture(model) == before
    assert report.summary() == "0 of 4 norms reverted, 4 already what they were"


def test_a_filter_says_which_norms_come_back():
    model = net()
    convert(model)
    revert(model, filter_fn=lambda norm, name: name == "cube")
    assert (type(model.cube), type(model.norm)) == (nn.BatchNorm3d, ours.BatchNorm2d)


def test_a_model_that_was_converted_to_torchs_layers_is_unpickled_without_this_package():
    model = nn.Sequential(nn.SyncBatchNorm(2))
    convert(model, nn.BatchNorm2d)
    assert b"batchnorm." not in pickle.dumps(model).replace(b"torch.nn.modules.batchnorm.", b"").replace(
        b"torch.nn.modules.batchnorm\n", b""
    )
