"""Activation checkpointing runs a layer twice; what that does to it is what it does to torch's."""

import pytest
import torch
from torch import nn
from torch.utils.checkpoint import checkpoint

import batchnorm.nn as bn

from .references import Fed, TorchsAdd, TorchsPool

X = torch.randn(6, 3, 4, 4, generator=torch.Generator().manual_seed(0))


def run(layer, use_reentrant):
    x = X.clone().requires_grad_()
    model = nn.Sequential(Fed(layer), nn.ReLU())
    y = checkpoint(model, x, use_reentrant=use_reentrant)
    y.square().sum().backward()
    return [y.detach(), x.grad, *(p.grad for p in layer.parameters()), *layer.buffers()]


@pytest.mark.parametrize("route", ["composed", "native", "fused"])
@pytest.mark.parametrize("momentum", [0.1, None])
@pytest.mark.parametrize("use_reentrant", [True, False])
@pytest.mark.parametrize(
    ("ours", "torchs"),
    [(bn.BatchNorm2d, nn.BatchNorm2d), (bn.BatchNormAdd2d, TorchsAdd), (bn.BatchNormPool2d, TorchsPool)],
)
def test_checkpointing_does_to_a_layer_what_it_does_to_torchs(ours, torchs, use_reentrant, momentum, route):
    layer, reference = ours(3, momentum=momentum, route=route), torchs(3, momentum=momentum)
    torch.testing.assert_close(run(layer, use_reentrant), run(reference, use_reentrant))


@pytest.mark.parametrize("use_reentrant", [True, False])
def test_gradients_are_those_without_checkpointing(use_reentrant):
    plain, checkpointed = bn.BatchNorm2d(3, activation="silu"), bn.BatchNorm2d(3, activation="silu")
    x = X.clone().requires_grad_()
    nn.ReLU()(plain(x)).square().sum().backward()
    found = run(checkpointed, use_reentrant)
    torch.testing.assert_close(found[1:4], [x.grad, plain.weight.grad, plain.bias.grad])
