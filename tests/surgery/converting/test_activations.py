"""Norms of timm, which end with modules of their own: what they compute as layers of ours, and who is heard."""

import copy
import pickle

import pytest
import torch
from torch import nn

import batchnorm.nn as ours
from batchnorm import convert, fold, revert, unfold

from .odd_norms import X, with_numbers

ACTS = {"relu": nn.ReLU, "silu": nn.SiLU, "gelu": nn.GELU, "none": nn.Identity, "prelu": nn.PReLU, "steep": None}
NAMES = {"relu": "relu", "silu": "silu", "gelu": "gelu", "none": None}


@pytest.fixture
def norm_act(peers):
    return peers.load("timm.layers.norm_act")


def made(norm_act, act="relu", drop=None):
    norm = norm_act.BatchNormAct2d(3, act_layer=ACTS[act] or nn.ReLU, drop_layer=drop)
    if ACTS[act] is None:
        norm.act = nn.LeakyReLU(0.3)
    return with_numbers(norm).double()


@pytest.mark.parametrize("act", ACTS)
def test_it_computes_the_same_with_its_own_activation(norm_act, act):
    norm = made(norm_act, act)
    twin = copy.deepcopy(norm)
    convert(norm)
    assert type(norm) is ours.BatchNorm2d
    for mode in (True, False):
        torch.testing.assert_close(norm.train(mode)(X), twin.train(mode)(X), rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("act", NAMES)
def test_a_plain_activation_is_computed_with_the_norm(norm_act, act):
    norm = made(norm_act, act)
    convert(norm)
    assert norm.activation == NAMES[act]


def test_the_modules_keep_their_names(norm_act):
    norm = made(norm_act, "prelu")
    keys = [*norm.state_dict()]
    convert(norm)
    assert [*norm.state_dict()] == keys
    assert "act.weight" in keys


def test_dropout_between_is_applied(norm_act):
    norm = made(norm_act, drop=nn.Dropout)
    twin = copy.deepcopy(norm)
    convert(norm)
    outputs = []
    for one in (norm, twin):
        torch.manual_seed(0)
        outputs.append(one(X))
    torch.testing.assert_close(*outputs)


def test_several_activations_are_printed_by_their_names(norm_act):
    norm = made(norm_act, drop=nn.Dropout)
    convert(norm)
    assert "activation=Dropout then ReLU" in repr(norm)


def test_a_hook_on_the_activation_is_called_whenever_it_was_hung(norm_act):
    norm, calls = made(norm_act), []
    norm.act.register_forward_hook(lambda *_: calls.append("before"))
    convert(norm)
    norm.act.register_forward_hook(lambda *_: calls.append("after"))
    norm(X)
    assert calls == ["before", "after"]


def test_whoever_exchanges_the_activation_is_heard(norm_act):
    norm = made(norm_act)
    convert(norm)
    norm.act = nn.Tanh()
    expected = torch.tanh(nn.functional.batch_norm(X, None, None, norm.weight, norm.bias, training=True))
    torch.testing.assert_close(norm(X), expected)


@pytest.mark.parametrize("act", ["relu", "prelu"])
@pytest.mark.parametrize("away", [copy.deepcopy, lambda norm: pickle.loads(pickle.dumps(norm))])  # noqa: S301  # our own
def test_a_copy_calls_its_own_activation(norm_act, act, away):
    norm = made(norm_act, act)
    convert(norm)
    spare = away(norm)
    spare.act = nn.Identity()
    assert spare.eval()(X).min() < -0.1
    assert torch.equal(norm.eval()(X), away(norm).eval()(X))


@pytest.mark.parametrize("act", ["relu", "prelu"])
def test_it_can_be_compiled_whole(norm_act, act):
    norm = made(norm_act, act)
    convert(norm)
    torch.testing.assert_close(torch.compile(norm, backend="eager", fullgraph=True)(X), norm(X))


def test_synchronized_and_frozen_ones_keep_their_activation(norm_act):
    frozen = with_numbers(norm_act.FrozenBatchNormAct2d(3)).double()
    expected = frozen(X)
    convert(frozen)
    torch.testing.assert_close(frozen.train()(X), expected)
    synchronized = norm_act.convert_sync_batchnorm(made(norm_act))
    convert(synchronized)
    assert (type(synchronized), synchronized.activation) == (ours.SyncBatchNorm, "relu")


@pytest.mark.parametrize("to", ["torch", "group", "identity"])
def test_it_is_left_where_the_activation_would_be_dropped(norm_act, to):
    report = convert(made(norm_act), to)
    assert "ends with its act" in report.norms[0].reason


def test_one_that_activates_nothing_becomes_torchs(norm_act):
    norm = made(norm_act, "none")
    convert(norm, "torch")
    assert type(norm) is nn.BatchNorm2d


def test_it_comes_back(norm_act):
    norm = made(norm_act)
    held = {**vars(norm)}
    convert(norm)
    revert(norm)
    assert type(norm) is norm_act.BatchNormAct2d
    assert vars(norm) == held


@pytest.mark.parametrize("act", ["relu", "prelu"])
def test_a_converted_net_is_folded_and_unfolded(norm_act, act):
    model = nn.Sequential(nn.Conv2d(3, 3, 1).double(), made(norm_act, act)).eval()
    before, keys = model(X), [*model.state_dict()]
    convert(model)
    assert fold(model, X).named("folded") == ("1",)
    torch.testing.assert_close(model(X), before)
    unfold(model)
    revert(model)
    assert torch.equal(model(X), before)
    assert [*model.state_dict()] == keys


@pytest.mark.filterwarnings("ignore:`torch.jit.script` is deprecated:DeprecationWarning")
def test_torch_jit_is_told_what_to_do(norm_act):
    norm = made(norm_act)
    convert(norm)
    with pytest.raises(RuntimeError, match=r"Call batchnorm\.revert\(model\) first"):
        torch.jit.script(norm)
