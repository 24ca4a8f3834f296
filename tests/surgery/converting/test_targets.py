"""What norms become by text and by class, and what they compute then."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

import batchnorm.nn as ours
from batchnorm import convert, revert
from batchnorm.norms import is_frozen, is_norm

from .odd_norms import X, with_numbers

NORMS = {1: nn.BatchNorm1d, 2: nn.BatchNorm2d, 3: nn.BatchNorm3d}
GHOSTS = {1: ours.GhostBatchNorm1d, 2: ours.GhostBatchNorm2d, 3: ours.GhostBatchNorm3d}


def norm_of(spatial=2, channels=3):
    return with_numbers(NORMS[spatial](channels)).double()


@pytest.mark.parametrize("spatial", NORMS)
def test_ghost_layers_have_the_axes_of_the_norm(spatial):
    norm = norm_of(spatial)
    convert(norm, "ghost", size=2)
    assert type(norm) is GHOSTS[spatial]


def test_a_ghost_layer_normalizes_each_slice_by_itself():
    norm = norm_of()
    convert(norm, "ghost", size=2)
    expected = torch.cat(
        [nn.functional.batch_norm(part, None, None, norm.weight, norm.bias, training=True) for part in X.split(2)]
    )
    torch.testing.assert_close(norm(X), expected)


def test_every_synchronized_layer_has_a_source_of_its_own():
    model = nn.Sequential(norm_of(), norm_of())
    convert(model, "sync")
    assert model[0].moments is not model[1].moments
    assert model[0].process_group is None


def test_torchs_synchronized_norm_becomes_ours_and_back():
    norm = nn.SyncBatchNorm(3)
    convert(norm)
    assert type(norm) is ours.SyncBatchNorm
    convert(norm, "torch")
    assert type(norm) is nn.SyncBatchNorm
    assert norm.process_group is None
    assert "_source" not in vars(norm)


def test_a_synchronized_norm_becomes_a_plain_one_by_its_class():
    norm = nn.SyncBatchNorm(3)
    convert(norm, ours.BatchNorm2d)
    assert type(norm) is ours.BatchNorm2d
    assert str(norm.moments) == "batch"


def test_a_norm_that_was_synchronized_here_still_knows_its_axes():
    norm = norm_of(1)
    convert(norm, "sync")
    convert(norm, "ghost", size=2)
    assert type(norm) is ours.GhostBatchNorm1d


def test_a_layer_of_ours_becomes_torchs_and_computes_the_same():
    norm = with_numbers(ours.BatchNorm2d(3, momentum=0.3)).double()
    expected = norm.eval()(X)
    convert(norm, "torch")
    assert type(norm) is nn.BatchNorm2d
    assert not {"activation", "route", "_source", "_tracking"} & vars(norm).keys()
    torch.testing.assert_close(norm(X), expected)


def test_frozen_is_what_freeze_does_with_affine():
    norm = norm_of()
    before = {name: one.clone() for name, one in norm.state_dict().items()}
    convert(norm, "frozen")
    norm.train()(X)
    assert is_frozen(norm)
    assert not norm.weight.requires_grad
    assert all(torch.equal(one, before[name]) for name, one in norm.state_dict().items())


@settings(max_examples=25, deadline=None, derandomize=True)
@given(st.integers(1, 200))
def test_no_group_of_a_norm_is_a_single_value(channels):
    norm = nn.BatchNorm2d(channels)
    convert(norm, "group")
    assert channels % norm.num_groups == 0
    assert norm.num_groups <= 32
    assert channels // norm.num_groups >= min(2, channels)


def test_a_group_norm_normalizes_the_groups_of_each_sample():
    norm, x = norm_of(channels=4), X[:, [0, 1, 2, 0]] + torch.arange(4.0)[:, None, None]
    report = convert(norm, "group")
    assert report.norms[0].detail == "2 groups of 2 channels"
    parts = x.reshape(4, 2, -1)
    mean, var = parts.mean(2, keepdim=True), parts.var(2, correction=0, keepdim=True)
    expected = ((parts - mean) / (var + norm.eps).sqrt()).reshape(x.shape)
    expected = expected * norm.weight.view(1, -1, 1, 1) + norm.bias.view(1, -1, 1, 1)
    torch.testing.assert_close(norm(x), expected)


def test_the_number_of_groups_can_be_said():
    norm = norm_of(channels=6)
    convert(norm, "group", num_groups=3)
    assert (type(norm), norm.num_groups) == (nn.GroupNorm, 3)


@pytest.mark.parametrize("to", ["group", "identity", nn.GroupNorm, nn.Identity])
def test_what_stands_in_for_a_norm_is_none_and_is_converted_again(to):
    norm = norm_of()
    convert(norm, to)
    assert not is_norm(norm)
    assert convert(norm, to).named("already") == ("the model",)
    convert(norm, "sync")
    assert type(norm) is ours.SyncBatchNorm
    revert(norm)
    assert type(norm) is nn.BatchNorm2d


def test_an_identity_gives_what_it_is_given():
    norm = norm_of()
    convert(norm, "identity")
    assert norm(X) is X


def test_a_residual_stays_where_the_moments_are_exchanged():
    norm = ours.BatchNormAdd2d(3)
    convert(norm, "ghost", size=2)
    assert (type(norm), str(norm.moments)) == (ours.BatchNormAdd2d, "ghost:2")
    revert(norm)
    assert str(norm.moments) == "batch"


def test_a_ghost_layer_becomes_a_plain_one_by_its_class():
    norm = ours.GhostBatchNorm2d(3, 2)
    convert(norm, ours.BatchNorm2d)
    assert (type(norm), str(norm.moments)) == (ours.BatchNorm2d, "batch")
    revert(norm)
    assert (type(norm), str(norm.moments)) == (ours.GhostBatchNorm2d, "ghost:2")


@pytest.mark.parametrize("norm", [ours.GhostBatchNorm2d(3, 2), ours.SyncBatchNorm(3)], ids=["ghost", "sync"])
def test_a_layer_whose_class_says_its_moments_becomes_torchs_by_its_class(norm):
    convert(norm, nn.BatchNorm2d)
    assert type(norm) is nn.BatchNorm2d


def test_other_moments_are_given_to_a_layer_that_was_synchronized():
    norm = norm_of()
    convert(norm, "sync")
    convert(norm, moments="ghost:2")
    assert (type(norm), str(norm.moments)) == (ours.BatchNorm2d, "ghost:2")


@pytest.mark.parametrize("to", [nn.BatchNorm2d, ours.BatchNorm2d])
def test_a_lazy_norm_becomes_the_lazy_twin_of_a_class(to):
    norm = nn.LazyBatchNorm2d()
    convert(norm, ours.BatchNorm2d)
    convert(norm, to)
    norm(X.float())
    assert type(norm) is to


def test_options_of_a_layer_of_ours_come_back():
    norm = ours.BatchNorm2d(3, route="native")
    convert(norm, route="composed", moments="renorm")
    assert (norm.route, str(norm.moments)) == ("composed", "renorm")
    revert(norm)
    assert (norm.route, str(norm.moments)) == ("native", "batch")


def test_a_lazy_norm_of_ours_becomes_torchs_lazy_one_whose_batches_the_class_is_for():
    norm = ours.LazyBatchNorm2d()
    convert(norm, nn.BatchNorm2d)
    assert type(norm) is nn.LazyBatchNorm2d
