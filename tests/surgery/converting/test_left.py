"""Which norms stay as they are, and why."""

import pytest
import torch
from torch import nn
from torch.nn.utils import parametrize, prune

import batchnorm.nn as ours
from batchnorm import convert, revert

from .odd_norms import LEFT, X


def reason(norm, *to, **options):
    """Why a norm is left, as the report says, and as it shows."""
    kind, held = type(norm), dict(vars(norm))
    (found,) = convert(norm, *to, **options).norms
    assert found.outcome == "left"
    assert (type(norm), dict(vars(norm))) == (kind, held)
    return found.reason


@pytest.mark.parametrize("name", LEFT)
def test_a_norm_with_something_of_its_own_is_left_with_the_reason(name):
    kind, expected = LEFT[name]
    assert reason(kind(3)).startswith(expected)


def test_a_norm_that_was_given_a_forward_is_left():
    norm = nn.BatchNorm2d(3)
    norm.forward = lambda x: x
    assert reason(norm) == "somebody has given it a forward of its own"


def test_a_norm_whose_class_was_given_a_forward_is_left(monkeypatch):
    monkeypatch.setattr(nn.BatchNorm2d, "forward", lambda self, x: x, raising=False)
    assert reason(nn.BatchNorm2d(3)) == "somebody has given its class another forward"


def test_a_parametrized_norm_is_left():
    norm = nn.BatchNorm2d(3)
    parametrize.register_parametrization(norm, "weight", nn.Softplus())
    assert "parametrization" in reason(norm)


def test_a_pruned_norm_is_converted_and_stays_pruned():
    norm = nn.BatchNorm2d(3).double()
    prune.random_unstructured(norm, "weight", 2)
    before = norm(X)
    convert(norm)
    torch.testing.assert_close(norm(X), before)


@pytest.mark.filterwarnings("ignore:`torch.jit.script` is deprecated:DeprecationWarning")
def test_a_norm_of_torch_jit_is_left_and_the_others_are_converted():
    model = nn.Sequential(torch.jit.script(nn.BatchNorm2d(3)), nn.BatchNorm2d(3))
    assert convert(model).named("left") == ("0",)


def test_a_norm_of_an_exported_graph_is_left():
    exported = torch.export.export(nn.Sequential(nn.BatchNorm2d(3)).eval(), (X.float(),)).module()
    assert "exported graph" in convert(exported).norms[0].reason


def test_a_layer_that_does_more_is_no_plain_one():
    assert "does more" in reason(ours.BatchNormAdd2d(3), ours.BatchNorm2d)


@pytest.mark.parametrize("to", ["torch", "group", "identity"])
def test_an_activation_is_not_dropped(to):
    assert "ends with its activation" in reason(ours.BatchNorm2d(3, activation="relu"), to)


def test_other_moments_are_not_dropped():
    assert "moments='ghost:2'" in reason(ours.BatchNorm2d(3, moments="ghost:2"), "torch")


def test_a_class_for_other_inputs_is_not_taken():
    assert "other inputs" in reason(nn.BatchNorm1d(3), ours.BatchNorm2d)
    assert "other inputs" in reason(ours.BatchNorm1d(3), nn.BatchNorm2d)


def test_a_synchronized_norm_does_not_say_its_axes():
    assert "how many axes" in reason(nn.SyncBatchNorm(3), "ghost", size=2)


@pytest.mark.parametrize("to", [nn.SyncBatchNorm, "group", "identity", "frozen"])
def test_a_norm_that_has_seen_no_batch_cannot_become_what_needs_its_channels(to):
    assert "seen no batch" in reason(nn.LazyBatchNorm2d(), to)


def test_moments_that_read_statistics_need_some():
    assert "keeps none" in reason(nn.BatchNorm2d(3, track_running_stats=False), moments="renorm")


def test_a_norm_without_statistics_cannot_be_frozen():
    assert "no running statistics" in reason(nn.BatchNorm2d(3, track_running_stats=False), "frozen")


def test_channels_that_cannot_be_cut_into_the_groups_are_left():
    assert "cannot be cut" in reason(nn.BatchNorm2d(6), "group", num_groups=4)


def test_a_norm_that_is_left_stays_frozen():
    norm = nn.BatchNorm2d(6)
    convert(norm, "frozen")
    convert(norm, "group", num_groups=2)
    assert "cannot be cut" in reason(norm, "group", num_groups=4)
    assert not norm.weight.requires_grad


def test_a_single_value_of_a_sample_is_no_group():
    assert "single value" in reason(nn.BatchNorm1d(6), "group", num_groups=6)


@pytest.mark.parametrize("name", ["_source", "_tracking"])
def test_an_attribute_by_a_name_that_only_layers_of_ours_know_leaves_a_norm_of_others(name):
    norm = nn.BatchNorm2d(6)
    setattr(norm, name, "mine")
    assert reason(norm) == f"it has {name!r} of its own, a name that means something else to a BatchNorm2d"
    assert getattr(norm, name) == "mine"
    convert(norm, "group")
    revert(norm)
    assert getattr(norm, name) == "mine"
