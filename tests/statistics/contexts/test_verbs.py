"""What do the library's verbs do inside a block: what they do outside, or refuse by name?"""

import pytest
import torch
from torch import nn

import batchnorm
from batchnorm.statistics import blended_statistics, no_statistics_update

from .nets import CONTEXTS, images, net, same, state

LOADER = [images(1), images(2)]
NAMES = ["no update", "skip", "accumulate"]


@pytest.mark.parametrize("method", ["average", "exact"])
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("norm", ["torch", "ours"])
def test_recalibration_is_the_same_inside(norm, name, method):
    model, plain = net(norm), net(norm)
    with CONTEXTS[name](model):
        record = batchnorm.recalibrate(model, LOADER, method=method)
    batchnorm.recalibrate(plain, LOADER, method=method)
    assert len(record.norms) == 2
    assert same(model, state(plain))


@pytest.mark.parametrize("name", ["no update", "skip"])
@pytest.mark.parametrize("norm", ["torch", "ours"])
def test_folding_is_the_same_inside(norm, name):
    model, plain = net(norm).eval(), net(norm).eval()
    expected = plain(images())
    with CONTEXTS[name](model):
        batchnorm.fold(model, images())
        torch.testing.assert_close(model(images()), expected)
    torch.testing.assert_close(model(images()), expected)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("norm", ["torch", "ours"])
def test_a_model_can_be_folded_behind_a_block(norm, name):
    model = net(norm)
    with CONTEXTS[name](model):
        model(images())
    model.eval()
    expected = model(images())
    report = batchnorm.fold(model, images())
    assert all(fold.outcome == "folded" for fold in report.norms)
    torch.testing.assert_close(model(images()), expected)


@pytest.mark.parametrize("method", ["average", "exact"])
@pytest.mark.parametrize("norm", ["torch", "ours"])
def test_recalibration_inside_a_blend_is_refused(norm, method):
    model = net(norm)
    before = state(model)
    expected = r"model: expected a model that evaluates by its running statistics, got one inside .*, where 1 mixes"
    with blended_statistics(model, 0.3), pytest.raises(batchnorm.errors.RefusedError, match=expected):
        batchnorm.recalibrate(model, LOADER, method=method)
    assert same(model, before)
    batchnorm.recalibrate(model, LOADER, method=method)


@pytest.mark.parametrize("norm", ["torch", "ours"])
def test_a_norm_that_is_blended_is_not_folded(norm):
    model = net(norm).eval()
    with blended_statistics(model, 0.3):
        expected = model(images())
        report = batchnorm.fold(model, images())
        assert {fold.outcome for fold in report.norms} == {"left"}
        assert torch.equal(model(images()), expected)


@pytest.mark.parametrize("norm", ["torch", "ours"])
def test_an_evaluation_inside_a_blend_is_one_of_the_blend(norm):
    model = nn.Sequential(net(norm), nn.Flatten()).eval()
    labels = torch.arange(6) % 2
    with blended_statistics(model, 0.9):
        right = (model(images()).argmax(1) == labels).double().mean()
        found = batchnorm.evaluate(model, [(images(), labels)])
    assert found.running["accuracy"] == pytest.approx(right.item())


def test_a_layer_says_by_which_mixture_it_goes():
    model = net("ours")
    with blended_statistics(model, 0.3):
        assert "moments='blend:0.3'" in repr(model)
    assert "moments" not in repr(model)


def test_a_search_for_wirings_inside_a_block_moves_nothing():
    model = net()
    before = state(model)
    with no_statistics_update(model):
        batchnorm.trace(model, images())
    assert same(model, before)
