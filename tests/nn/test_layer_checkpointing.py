"""Activation checkpointing runs a layer twice; its statistics move once, and nothing tells that it ran twice."""

import pytest
import torch
from torch import nn
from torch.utils.checkpoint import checkpoint

import batchnorm.nn as bn

from .references import Fed, TorchsAdd, TorchsPool

X = torch.randn(6, 3, 4, 4, generator=torch.Generator().manual_seed(0))


def run(layer, use_reentrant, *, nested=False):
    x = X.clone().requires_grad_()
    model = nn.Sequential(Fed(layer), nn.ReLU())
    if use_reentrant is None:
        y = model(x)
    elif nested:
        y = checkpoint(lambda x: checkpoint(model, x, use_reentrant=use_reentrant), x, use_reentrant=use_reentrant)
    else:
        y = checkpoint(model, x, use_reentrant=use_reentrant)
    y.square().sum().backward()
    return [y.detach(), x.grad, *(p.grad for p in layer.parameters()), *layer.buffers()]


@pytest.mark.parametrize("route", ["composed", "native", "fused"])
@pytest.mark.parametrize("momentum", [0.1, None])
@pytest.mark.parametrize("nested", [False, True])
@pytest.mark.parametrize("use_reentrant", [True, False])
@pytest.mark.parametrize(
    ("ours", "torchs"),
    [(bn.BatchNorm2d, nn.BatchNorm2d), (bn.BatchNormAdd2d, TorchsAdd), (bn.BatchNormPool2d, TorchsPool)],
)
def test_a_checkpointed_layer_does_what_torchs_does_without_checkpointing(
    ours, torchs, use_reentrant, momentum, route, nested
):
    layer, reference = ours(3, momentum=momentum, route=route), torchs(3, momentum=momentum)
    torch.testing.assert_close(run(layer, use_reentrant, nested=nested), run(reference, None))


@pytest.mark.parametrize("source", ["ghost:3", "renorm", "population"])
@pytest.mark.parametrize("use_reentrant", [True, False])
def test_whatever_normalizes_a_checkpointed_layer_moves_its_statistics_once(source, use_reentrant):
    layer, once = bn.BatchNorm2d(3, moments=source), bn.BatchNorm2d(3, moments=source)
    torch.testing.assert_close(run(layer, use_reentrant)[-3:], run(once, None)[-3:], rtol=0, atol=0)


@pytest.mark.parametrize("use_reentrant", [True, False])
def test_a_layer_that_is_told_not_to_be_checkpoint_safe_moves_twice_as_torchs(use_reentrant):
    layer, reference = bn.BatchNorm2d(3), nn.BatchNorm2d(3)
    layer.checkpoint_safe = False
    torch.testing.assert_close(run(layer, use_reentrant), run(reference, use_reentrant))
    assert layer.num_batches_tracked == 2


@pytest.mark.parametrize("use_reentrant", [True, False])
def test_gradients_are_those_without_checkpointing(use_reentrant):
    plain, checkpointed = bn.BatchNorm2d(3, activation="silu"), bn.BatchNorm2d(3, activation="silu")
    x = X.clone().requires_grad_()
    nn.ReLU()(plain(x)).square().sum().backward()
    found = run(checkpointed, use_reentrant)
    torch.testing.assert_close(found[1:4], [x.grad, plain.weight.grad, plain.bias.grad])


@pytest.mark.parametrize("nested", [False, True])
@pytest.mark.parametrize("use_reentrant", [True, False])
def test_a_second_run_reads_the_statistics_that_the_first_one_read(use_reentrant, nested):
    layers = [bn.BatchNorm2d(3, moments=bn.Renorm(3, 5, warmup=3)) for _ in range(2)]
    for _ in range(3):  # each changes the statistics and the limits that the next one reads
        found, expected = run(layers[0], use_reentrant, nested=nested), run(layers[1], None)
        torch.testing.assert_close(found, expected, rtol=0, atol=0)


def test_a_second_run_finds_its_own_statistics_among_those_of_several_calls():
    layers = [bn.BatchNorm2d(3, moments=bn.Renorm(3, 5, warmup=3)) for _ in range(2)]
    gradients = []
    for layer, through in zip(layers, (checkpoint, lambda f, x, use_reentrant: f(x)), strict=True):
        x = X.clone().requires_grad_()
        both = through(lambda x, layer=layer: layer(x) + layer(3 * x + 1).square(), x, use_reentrant=False)
        (both + layer(x.exp())).square().sum().backward()
        gradients.append(x.grad)
    torch.testing.assert_close(*gradients)
