"""Activation checkpointing runs a layer a second time on the way back; what does that do to one with a source?"""

import pytest
import torch
from torch import nn
from torch.utils.checkpoint import checkpoint

import batchnorm.nn as bn

from .layers import SOURCES, build, draw, inputs


@pytest.mark.parametrize("reentrant", [True, False])
@pytest.mark.parametrize("source", SOURCES)
def test_activation_checkpointing_computes_the_same_gradients(source, reentrant):
    given = inputs("2d", source)
    layer, plain = (build("2d", source)[0] for _ in range(2))
    layer.num_batches_tracked.fill_(10)
    plain.num_batches_tracked.fill_(10)
    torch.testing.assert_close(gradients(layer, given, reentrant=reentrant), gradients(plain, given))


def gradients(layer, given, *, reentrant=None):
    """The gradients of a call, which may be run again on the way back."""
    x = given[0].clone().requires_grad_()
    y = layer(x, *given[1:]) if reentrant is None else checkpoint(layer, x, *given[1:], use_reentrant=reentrant)
    y.backward(draw(*y.shape, seed=3))
    return [x.grad, *(parameter.grad for parameter in layer.parameters())]


@pytest.mark.parametrize("route", ["composed", "native", "fused"])
@pytest.mark.parametrize("source", ["ghost:2", "renorm:2,1,0", "population"])
@pytest.mark.parametrize("reentrant", [True, False])
def test_each_layer_of_a_part_that_is_checkpointed_runs_twice(reentrant, source, route):
    runs = []
    part = nn.Sequential(*(bn.BatchNorm2d(3, moments=source, route=route) for _ in range(3)), nn.ReLU())
    for layer in part[:3]:
        layer.register_forward_pre_hook(lambda layer, _: runs.append(layer))
    x = draw(6, 3, 4, 4).float().requires_grad_()
    checkpoint(part, x, use_reentrant=reentrant).square().sum().backward()
    assert [runs.count(layer) for layer in part[:3]] == [2, 2, 2]


@pytest.mark.parametrize("source", ["renorm:2,1,0", "population"])
def test_a_layer_runs_by_the_kernels_where_hooks_for_saved_tensors_are_forbidden(source):
    layer, plain = (build("2d", source, route=route)[0] for route in ("fused", "composed"))
    given = inputs("2d", source)
    with torch.autograd.graph.disable_saved_tensors_hooks("no hooks here"):
        found = gradients(layer, given)
    torch.testing.assert_close(found, gradients(plain, given))
