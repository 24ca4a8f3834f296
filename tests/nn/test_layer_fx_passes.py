"""Passes over graphs that fuse and quantize: our layers stay whole in them, and torch's in their places are fused."""

import copy
import warnings

import pytest
import torch
from torch import nn

import batchnorm.nn as bn

with warnings.catch_warnings():
    # torch scripts parts of itself when these are imported, and warns of it.
    warnings.simplefilter("ignore", DeprecationWarning)
    from torch.ao.quantization import get_default_qat_qconfig_mapping, get_default_qconfig_mapping
    from torch.ao.quantization.quantize_fx import convert_fx, fuse_fx, prepare_fx, prepare_qat_fx
    from torch.fx.experimental.optimization import fuse

IMAGES = torch.randn(4, 3, 6, 6, generator=torch.Generator().manual_seed(0))

PASSES = {"plain": lambda: bn.BatchNorm2d(4), "activation": lambda: bn.BatchNorm2d(4, activation="silu")}
PASSES["pool"] = lambda: bn.BatchNormPool2d(4)


def trained(layer):
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(3, 4, 1), layer, nn.ReLU())
    for _ in range(3):
        model(IMAGES * 3 + 1)
    return model


@pytest.mark.filterwarnings("ignore:.*torch.ao.quantization is deprecated:DeprecationWarning")
@pytest.mark.parametrize("tool", [fuse, fuse_fx])
@pytest.mark.parametrize("case", PASSES)
def test_passes_that_fuse_leave_our_layers_whole(case, tool):
    model = trained(PASSES[case]()).eval()
    torch.testing.assert_close(tool(copy.deepcopy(model))(IMAGES), model(IMAGES))


@pytest.mark.filterwarnings("ignore:(.*torch.ao.quantization is deprecated|torch.quantize_per|.*reduce_range)")
@pytest.mark.parametrize("case", PASSES)
def test_quantization_after_training_keeps_our_layers_and_is_near(case):
    model = trained(PASSES[case]()).eval()
    prepared = prepare_fx(copy.deepcopy(model), get_default_qconfig_mapping("x86"), (IMAGES,))
    prepared(IMAGES)
    torch.testing.assert_close(convert_fx(prepared)(IMAGES), model(IMAGES), rtol=0, atol=0.1)


@pytest.mark.filterwarnings("ignore:(.*torch.ao.quantization is deprecated|torch.quantize_per|.*reduce_range)")
@pytest.mark.parametrize("case", PASSES)
def test_quantization_aware_training_moves_the_statistics(case):
    prepared = prepare_qat_fx(trained(PASSES[case]()), get_default_qat_qconfig_mapping("x86"), (IMAGES,))
    layer = prepared.get_submodule("1")
    counted, mean = int(layer.num_batches_tracked), layer.running_mean.clone()
    prepared(IMAGES - 5).sum().backward()
    assert layer.num_batches_tracked == counted + 1
    assert not torch.equal(layer.running_mean, mean)
    assert layer.weight.grad is not None


@pytest.mark.filterwarnings("ignore:(.*torch.ao.quantization is deprecated|torch.quantize_per|.*reduce_range)")
@pytest.mark.parametrize("training", [True, False])
def test_quantization_fuses_a_net_that_has_torchs_layers_instead(training):
    ours = trained(bn.BatchNorm2d(4)).train(training)
    norm = nn.BatchNorm2d(4).train(training)
    norm.load_state_dict(ours[1].state_dict(), strict=True)
    model = nn.Sequential(ours[0], norm, ours[2])
    mapping = get_default_qat_qconfig_mapping("x86") if training else get_default_qconfig_mapping("x86")
    prepared = (prepare_qat_fx if training else prepare_fx)(model, mapping, (IMAGES,))
    assert not any(isinstance(node.target, str) and node.target == "1" for node in prepared.graph.nodes)
